//! What goes over the wire: the native batch, the Sparkplug B payload, catalogues and gap records.
