//! Tags by which a run finds its own work again.

use aws_sdk_ec2::types::Tag;

/// The tag that every resource of a run carries.
pub const RUN_TAG: &str = "gameday:run";
/// The tag that tells a clone's key: the fault's number and the original's ID.
pub const CLONE_TAG: &str = "gameday:clone";

/// An EC2 tag.
pub fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}
