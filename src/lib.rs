//! GameDay rehearses and measures the failover of an Amazon Cognito identity plane between two
//! AWS Regions. The modules, in the order in which data flows:

pub mod model;

// Reads the TOML files that people write, and says everything that is wrong with one at once.
pub mod files;

pub mod scenario;

pub mod env;
