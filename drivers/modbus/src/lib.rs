//! Modbus devices over TCP: sockets, deadlines and sessions around the pure protocol.
