//! GameDay rehearses and measures the failover of an Amazon Cognito identity plane between two
//! AWS Regions. The modules, in the order in which data flows:

pub mod model;
pub mod scenario;
pub mod env;
pub mod net;
pub mod srp;
pub mod tokens;
pub mod lab;
pub mod cloud;
pub mod faults;
pub mod dns;
pub mod users;
pub mod observe;
pub mod preflight;
pub mod engine;
pub mod cli;
