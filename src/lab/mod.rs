//! The AWS twin: two Regions on loopback, with real DNS, TLS, sign-in, network ACLs that drop
//! packets, and health checkers. Answers on the wire; the engine cannot tell it from AWS.

pub mod api;
pub mod identity;
pub mod truth;
