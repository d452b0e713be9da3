//! The messages as prost sees them, generated from `proto/`.

/// Native messages: batch, catalogue, gap, health.
#[rustfmt::skip]
#[allow(missing_docs, clippy::all, rustdoc::all, reason = "generated; the .proto has the words")]
pub mod v1 {
    include!("generated/forehearth.v1.rs");
}

/// The Sparkplug B payload.
#[rustfmt::skip]
#[allow(missing_docs, clippy::all, rustdoc::all, reason = "generated; the .proto has the words")]
pub mod sparkplug {
    include!("generated/org.eclipse.tahu.protobuf.rs");
}
