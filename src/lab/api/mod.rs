//! The wire protocols of the AWS services that the lab answers, one file each.

pub mod cognito;
pub mod sigv4;
