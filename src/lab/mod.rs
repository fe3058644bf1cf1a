//! The AWS twin: two Regions on loopback, with real DNS, TLS, sign-in, network ACLs that drop
//! packets, and health checkers. Answers on the wire; the engine cannot tell it from AWS.

pub mod acl;
mod certificate;
pub mod dns;
pub mod edge;
pub mod health;
mod http;
pub mod topology;
pub mod truth;
pub mod world;

/// The lab could not start.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No certificate could be made.
    #[error("the lab's certificate: {0}")]
    Certificate(String),
}
