//! Tags by which a run finds its own work again.

use aws_sdk_ec2::types::Tag;

/// What begins the ID of every run, and so the name of its schedules and groups.
pub(super) const RUNS_BEGIN: &str = "gd-";
/// The tag that every resource of a run carries.
pub const RUN_TAG: &str = "gameday:run";
/// The tag that tells a resource's key: the fault's number and what it stands in for.
pub const CLONE_TAG: &str = "gameday:clone";
/// The tag of what a run changes without having made it: the run. Another one than [`RUN_TAG`], whose bearers may be
/// deleted.
pub(super) const MARK_TAG: &str = "gameday:mark";
/// What begins the tags that tell how things were. With a target's ID behind it, the groups which that target had; with
/// `state`, the state of what is marked; with a number, a rule.
pub(super) const WAS_TAG: &str = "gameday:was:";
/// The tag of a VPC that tells who is at work there.
pub const LOCK_TAG: &str = "gameday:lock";

/// Characters of a tag's value, at the most (EC2 user guide, "Tag restrictions").
pub(super) const VALUE_CHARACTERS: usize = 256;
/// Tags of a resource, at the most (the same page).
pub(super) const TAGS_OF_A_RESOURCE: usize = 50;

/// An EC2 tag.
pub(super) fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}
