//! Denying what subnets send and receive, with a network ACL of the run's own.
//!
//! For each ACL that the subnets use an exact clone is made and they are moved onto it, which nobody feels. The cut is
//! a few deny rules on each clone, with the lowest numbers, so that any number of subnets is cut off within a few
//! calls, and subnets that are not selected keep the ACL that they share with the selected ones.

use std::collections::BTreeMap;

use crate::faults::action::Action;
use crate::faults::changes::network_acl::{CopyRule, CreateClone, Deny, Swap};
use crate::faults::fault::{FaultError, PlanContext};
use crate::faults::network::{AclRule, Vpc};
use crate::faults::quota::AclQuotas;
use crate::faults::target::Subnet;

/// The changes that deny `denied` to subnets; the rules' numbers do not matter, their order does. IPv6 rules are
/// left out where no subnet of a clone has an IPv6 range.
///
/// # Errors
/// [`FaultError::Quota`] when a clone or its deny rules would not fit, [`FaultError::NoAcl`] when EC2 tells no ACL of a subnet,
/// [`FaultError::SharedSubnet`].
pub(super) async fn deny(
    context: &PlanContext<'_>,
    subnets: &[Subnet],
    denied: &[AclRule],
) -> Result<Vec<Action>, FaultError> {
    context.refuse_shared(subnets).await?;
    let mut vpcs = BTreeMap::new();
    for subnet in subnets {
        if !vpcs.contains_key(&subnet.vpc) {
            vpcs.insert(subnet.vpc.clone(), Vpc::describe(context.clients, &subnet.vpc).await?);
        }
    }
    let quotas = context.quotas.get_or_init(|| AclQuotas::read(context.clients)).await;
    let actions = changes(context, subnets, &vpcs, denied, quotas)?;
    let earlier =
        context.earlier.iter().filter(|fault| fault.region == context.clients.region).flat_map(|fault| &fault.actions);
    let counts = vpcs.iter().map(|(vpc, described)| (vpc.as_str(), described.acl_count())).collect();
    room(&counts, earlier.chain(&actions), quotas)?;
    Ok(actions)
}

/// Whether the new network ACLs of all faults fit, by VPC with the number that it has.
fn room<'a>(
    counts: &BTreeMap<&str, usize>,
    actions: impl Iterator<Item = &'a Action>,
    quotas: &AclQuotas,
) -> Result<(), FaultError> {
    let most = quotas.acls();
    let mut new = BTreeMap::<&str, usize>::new();
    for action in actions {
        if let Action::CreateClone(change) = action {
            *new.entry(&change.vpc).or_default() += 1;
        }
    }
    for (vpc, count) in counts {
        let new = new.get(vpc).copied().unwrap_or_default();
        if count + new > most {
            let text = format!("{vpc} has {count} network ACLs; {new} more exceed the quota of {most}{quotas}");
            return Err(FaultError::Quota(text));
        }
    }
    Ok(())
}

fn changes(
    context: &PlanContext<'_>,
    subnets: &[Subnet],
    vpcs: &BTreeMap<String, Vpc>,
    denied: &[AclRule],
    quotas: &AclQuotas,
) -> Result<Vec<Action>, FaultError> {
    let (key, run) = (context.number, context.run.as_str());
    let mut groups: BTreeMap<(String, String), Vec<&Subnet>> = BTreeMap::new();
    for subnet in subnets {
        let used = vpcs.get(&subnet.vpc).and_then(|vpc| vpc.association(&subnet.id));
        let used = used.ok_or_else(|| FaultError::NoAcl(subnet.id.clone()))?;
        groups.entry((subnet.vpc.clone(), used.acl.clone())).or_default().push(subnet);
    }
    let mut actions = Vec::new();
    for ((vpc, original), members) in &groups {
        let clone = format!("{key}/{original}");
        let acl = vpcs.get(vpc).and_then(|known| known.acl(original));
        let acl = acl.ok_or_else(|| FaultError::NoAcl(members[0].id.clone()))?;
        let ipv6 = members.iter().any(|subnet| subnet.ipv6);
        let denied: Vec<AclRule> =
            numbered(denied.iter().filter(|rule| ipv6 || rule.ipv6_cidr.is_none()).cloned().collect());
        fits(&acl.rules, &denied, quotas, original)?;
        let (vpc, original) = (vpc.clone(), original.clone());
        actions.push(Action::CreateClone(CreateClone {
            vpc: vpc.clone(),
            original: original.clone(),
            clone: clone.clone(),
            client_token: format!("{run}-{key}-{original}"),
            tags: context.site.tags.clone(),
        }));
        let highest = denied.iter().map(|rule| rule.number).max().unwrap_or(0);
        let rules = renumbered(&acl.rules, highest).into_iter();
        actions.extend(rules.map(|rule| Action::CopyRule(CopyRule { vpc: vpc.clone(), clone: clone.clone(), rule })));
        actions.extend(members.iter().map(|subnet| {
            let (vpc, subnet, original, clone) = (vpc.clone(), subnet.id.clone(), original.clone(), clone.clone());
            Action::Swap(Swap { vpc, subnet, original, clone })
        }));
        let denied = denied.into_iter();
        actions.extend(denied.map(|rule| Action::Deny(Deny { vpc: vpc.clone(), clone: clone.clone(), rule })));
    }
    actions.sort_by_key(Action::stage);
    Ok(actions)
}

/// The rules with the lowest numbers, from 1, each direction apart.
fn numbered(mut rules: Vec<AclRule>) -> Vec<AclRule> {
    let mut next = [0, 0];
    for rule in &mut rules {
        let next = &mut next[usize::from(rule.egress)];
        *next += 1;
        rule.number = *next;
    }
    rules
}

fn fits(rules: &[AclRule], denied: &[AclRule], quotas: &AclQuotas, original: &str) -> Result<(), FaultError> {
    let kinds = [(false, false), (false, true), (true, false), (true, true)];
    let count = |rules: &[AclRule], (egress, ipv6)| {
        rules.iter().filter(|rule| rule.egress == egress && rule.ipv6_cidr.is_some() == ipv6).count()
    };
    // Each IP family has a closing rule.
    let used = |kind| 1 + count(rules, kind);
    let most = quotas.rules(kinds.into_iter().map(used).max().unwrap_or_default());
    for kind @ (egress, ipv6) in kinds {
        let (used, more) = (used(kind), count(denied, kind));
        if more > 0 && used + more > most {
            return Err(FaultError::Quota(format!(
                "{original} has {used} {} {} rules, the closing one included; {more} more exceed the quota of {most}{quotas}",
                if ipv6 { "IPv6" } else { "IPv4" },
                if egress { "egress" } else { "ingress" }
            )));
        }
    }
    Ok(())
}

/// The rules for the clone: as they are, unless one's number is needed for a deny rule; then all
/// of that direction get new numbers, in order.
fn renumbered(rules: &[AclRule], highest_denied: i32) -> Vec<AclRule> {
    let mut copies = Vec::with_capacity(rules.len());
    for egress in [false, true] {
        let same: Vec<&AclRule> = rules.iter().filter(|rule| rule.egress == egress).collect();
        let clash = same.iter().any(|rule| rule.number <= highest_denied);
        copies.extend((0_i32..).zip(same).map(|(index, rule)| {
            let number = if clash { 100 + 10 * index } else { rule.number };
            AclRule { number, ..rule.clone() }
        }));
    }
    copies
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(number: i32, cidr: &str) -> AclRule {
        AclRule { number, allow: true, cidr: Some(cidr.to_owned()), ..AclRule::deny_all(false, false) }
    }

    #[test]
    fn low_rule_numbers_move_up_in_order_and_others_stay() {
        let low = renumbered(&[rule(1, "10.0.0.0/8"), rule(2, "10.1.0.0/16"), rule(7, "0.0.0.0/0")], 2);
        let numbers: Vec<i32> = low.iter().map(|rule| rule.number).collect();
        assert_eq!(numbers, [100, 110, 120]);
        assert_eq!(low[1].cidr.as_deref(), Some("10.1.0.0/16"));
        assert_eq!(renumbered(&[rule(100, "0.0.0.0/0")], 2)[0].number, 100);
    }

    #[test]
    fn a_full_acl_is_refused_before_anything_is_made() {
        let rules = |count: i32| -> Vec<AclRule> { (1..=count).map(|n| rule(n * 10, "0.0.0.0/0")).collect() };
        let all = |ipv6: bool| -> Vec<AclRule> {
            let families = [Some(false), ipv6.then_some(true)].into_iter().flatten();
            numbered(families.flat_map(|ipv6| [false, true].map(|egress| AclRule::deny_all(egress, ipv6))).collect())
        };
        let unread = AclQuotas::not_read("denied");
        let fits = |rules: &[AclRule], ipv6, original| super::fits(rules, &all(ipv6), &unread, original);
        assert!(fits(&rules(18), false, "acl-1").is_ok());
        let refused = fits(&rules(19), false, "acl-1").unwrap_err();
        assert!(
            matches!(refused, FaultError::Quota(_)) && refused.to_string().contains("not known: denied"),
            "{refused}"
        );
        assert!(fits(&rules(18), true, "acl-1").is_ok(), "IPv6 has a quota of its own");
        assert!(fits(&rules(38), false, "acl-1").is_ok(), "the original shows a raised quota");
        assert!(fits(&rules(39), false, "acl-1").is_err());
    }

    #[test]
    fn c30_each_family_has_the_applied_quota_to_itself() {
        let rules = |ipv4: i32, ipv6: i32| -> Vec<AclRule> {
            let ipv6 = (1..=ipv6).map(|n| AclRule { number: n * 10, allow: true, ..AclRule::deny_all(false, true) });
            (1..=ipv4).map(|n| rule(n * 10 + 5, "0.0.0.0/0")).chain(ipv6).collect()
        };
        let denied = [false, true].map(|ipv6| AclRule::deny_all(false, ipv6));
        let fits = |rules: &[AclRule], quota| fits(rules, &denied, &AclQuotas::of_rules(quota), "acl-1").is_ok();
        assert!(fits(&rules(9, 9), 20) && fits(&rules(18, 18), 20));
        assert!(!fits(&rules(19, 9), 20) && !fits(&rules(9, 19), 20));
        assert!(fits(&rules(19, 0), 40) && fits(&rules(38, 38), 40) && !fits(&rules(39, 0), 40));
    }

    #[test]
    fn the_new_acls_of_all_faults_count_together() {
        let clone = |key: &str, vpc: &str| {
            let (original, client_token) = ("acl-1".to_owned(), key.to_owned());
            let tags = BTreeMap::new();
            Action::CreateClone(CreateClone {
                vpc: vpc.to_owned(),
                original,
                clone: key.to_owned(),
                client_token,
                tags,
            })
        };
        let (counts, quotas) = (BTreeMap::from([("vpc-1", 198), ("vpc-2", 200)]), AclQuotas::default());
        let two = [clone("1/acl-1", "vpc-1"), clone("2/acl-2", "vpc-1")];
        assert!(room(&counts, two.iter(), &quotas).is_ok());
        let three = clone("3/acl-3", "vpc-1");
        assert!(matches!(room(&counts, two.iter().chain([&three]), &quotas), Err(FaultError::Quota(_))));
        assert!(room(&counts, [clone("1/acl-9", "vpc-2")].iter(), &quotas).is_err());
        assert!(room(&counts, [clone("1/acl-9", "vpc-3")].iter(), &quotas).is_ok(), "of a VPC that is described apart");
    }
}
