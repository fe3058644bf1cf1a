//! GameDay rehearses and measures the failover of an Amazon Cognito identity plane between two
//! AWS Regions. The modules, in the order in which data flows:

pub mod model;
pub mod scenario;
pub mod env;
pub mod measure;
pub mod report;
