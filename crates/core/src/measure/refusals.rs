//! From when to when a rule of AWS WAF refuses sign-ins. Its API answers before the rule is in force everywhere, so users tell it: an attempt that was
//! let in shows that the rule was not in force when it began, one that was refused that it was in force when it ended.

use jiff::Timestamp;

use super::history::LoginRef;
use super::timeline::Timeline;
use crate::model::{LoginOutcome, Region, Step};

/// The call that puts such a rule in force (`AssociateBlockingAcl` of the faults).
const CALL: &str = "wafv2:AssociateWebACL";
/// What Cognito's API answers, and what managed login does (Cognito developer guide, "Associate an AWS WAF web ACL with a user pool").
const REFUSALS: [&str; 2] = ["ForbiddenException", "HTTP 403"];

/// The Region in which a rule is put in force.
pub(super) fn region<'a>(line: &Timeline<'a>) -> Option<&'a Region> {
    line.ipv4(Step::Cut).find(|m| m.call == CALL).map(|m| &m.region)
}

fn is_refused(login: &LoginRef<'_>) -> bool {
    matches!(login.outcome(), LoginOutcome::Rejected { code, .. } if REFUSALS.contains(&code.as_str()))
}

/// The attempts that WAF inspects: not those that AWS credentials authorize (the same page).
fn at<'a>(line: &Timeline<'a>, region: &'a Region) -> impl Iterator<Item = LoginRef<'a>> {
    line.logins.iter().filter(move |login| login.region() == Some(region) && !login.flow().starts_with("ADMIN_"))
}

/// The last moment at which it was certainly not in force yet, where one is known, and the first at which it certainly was.
pub(super) fn begin(line: &Timeline<'_>, region: &Region, zero: Timestamp) -> Option<(Option<Timestamp>, Timestamp)> {
    // Refusals before the cut are another rule's, and then none tells of this one.
    if at(line, region).any(|login| is_refused(&login) && login.ended() <= zero) {
        return None;
    }
    // It spreads: what is still let in shows that it was not in force everywhere. What ends after the heal may owe it to that.
    let until = line.first_healed();
    let first_turn = |at: Timestamp| until.is_none_or(|until| at < until);
    let let_in = at(line, region).filter(|login| login.succeeded() && first_turn(login.ended()));
    let last = let_in.map(LoginRef::started).max();
    let refused = at(line, region).filter(|login| is_refused(login) && login.ended() > zero);
    let sure = refused.filter(|login| last.is_none_or(|last| login.started() > last));
    Some((last, sure.map(LoginRef::ended).min()?))
}

/// The last moment at which it was certainly in force after the heal, where one is known, and the first at which it certainly was not.
pub(super) fn end(line: &Timeline<'_>, region: &Region, heal: Timestamp) -> Option<(Option<Timestamp>, Timestamp)> {
    let refused = at(line, region).filter(|login| is_refused(login) && login.ended() > heal);
    let last = refused.map(LoginRef::started).max();
    let since = last.map_or(heal, |last| last.max(heal));
    let let_in = at(line, region).filter(|login| login.succeeded() && login.started() >= since);
    Some((last, let_in.map(LoginRef::ended).min()?))
}
