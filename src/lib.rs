//! GameDay rehearses and measures the failover of an Amazon Cognito identity plane between two
//! AWS Regions. The modules, in the order in which data flows:

pub mod env;
pub mod files;
pub mod model;
pub mod scenario;
