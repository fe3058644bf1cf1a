//! `nacl-blackhole`: deny all traffic of the selected subnets with a network ACL.
//!
//! For each ACL that they use an exact clone is made and the subnets are moved onto it, which
//! nobody feels. The cut is one deny-all rule for each clone, direction and IP family, below every
//! other rule number, so that any number of subnets vanishes within a few calls.

use std::collections::BTreeMap;

use crate::model::RunId;

use super::action::Action;
use super::network::{AclRule, Vpc};
use super::plan::FaultError;
use super::target::Subnet;

/// Rules for each direction that an ACL may have, the closing `*` rules included (VPC quotas: 20,
/// adjustable to 40). An original with more than 20 shows that the account's quota was raised.
const RULES_AT_MOST: (usize, usize) = (20, 40);
/// Network ACLs for each VPC (VPC quotas: 200, adjustable).
const ACLS_AT_MOST: usize = 200;
/// The deny rules' numbers: IPv4, IPv6. Rule numbers start at 1.
const DENY_NUMBERS: (i32, i32) = (1, 2);

/// The actions of prepare and cut.
///
/// # Errors
/// [`FaultError::Quota`] when a clone or its deny rules would not fit, [`FaultError::NoAcl`] when EC2 tells no ACL of a subnet.
pub fn actions(
    key: &str,
    run: &RunId,
    subnets: &[Subnet],
    vpcs: &BTreeMap<String, Vpc>,
) -> Result<Vec<Action>, FaultError> {
    let mut groups: BTreeMap<(String, String), Vec<&Subnet>> = BTreeMap::new();
    for subnet in subnets {
        let used = vpcs.get(&subnet.vpc).and_then(|vpc| vpc.association(&subnet.id));
        let used = used.ok_or_else(|| FaultError::NoAcl(subnet.id.clone()))?;
        groups.entry((subnet.vpc.clone(), used.acl.clone())).or_default().push(subnet);
    }
    let (mut creates, mut copies, mut swaps, mut denies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((vpc_id, original), members) in &groups {
        let clone = format!("{key}/{original}");
        let (vpc, clone_of) = (vpc_id.clone(), clone.clone());
        let acl = vpcs
            .get(vpc_id)
            .and_then(|vpc| vpc.acl(original))
            .ok_or_else(|| FaultError::NoAcl(members[0].id.clone()))?;
        let ipv6 = members.iter().any(|subnet| subnet.ipv6);
        fits(&acl.rules, ipv6, original)?;
        creates.push(Action::CreateClone {
            vpc: vpc.clone(),
            original: original.clone(),
            clone: clone.clone(),
            client_token: format!("{run}-{key}-{original}"),
        });
        let rule = |rule| Action::CopyRule { vpc: vpc.clone(), clone: clone_of.clone(), rule };
        copies.extend(renumbered(&acl.rules).into_iter().map(rule));
        swaps.extend(members.iter().map(|subnet| Action::Swap {
            vpc: vpc.clone(),
            subnet: subnet.id.clone(),
            original: original.clone(),
            clone: clone.clone(),
        }));
        for (ipv6, number) in [(false, Some(DENY_NUMBERS.0)), (true, ipv6.then_some(DENY_NUMBERS.1))] {
            let Some(number) = number else { continue };
            denies.extend([false, true].map(|egress| Action::Deny {
                vpc: vpc.clone(),
                clone: clone.clone(),
                egress,
                ipv6,
                number,
            }));
        }
    }
    for (vpc, acls) in vpcs {
        let new = groups.keys().filter(|(of, _)| of == vpc).count();
        if acls.acl_count() + new > ACLS_AT_MOST {
            return Err(FaultError::Quota(format!(
                "{vpc} has {} network ACLs; {new} more exceed {ACLS_AT_MOST}",
                acls.acl_count()
            )));
        }
    }
    Ok(creates.into_iter().chain(copies).chain(swaps).chain(denies).collect())
}

fn fits(rules: &[AclRule], ipv6: bool, original: &str) -> Result<(), FaultError> {
    // One deny rule, and one closing rule, for each IP family.
    let families = if ipv6 { 2 } else { 1 };
    let used = |egress| families + rules.iter().filter(|rule| rule.egress == egress).count();
    let raised = used(false).max(used(true)) > RULES_AT_MOST.0;
    let most = if raised { RULES_AT_MOST.1 } else { RULES_AT_MOST.0 };
    for egress in [false, true] {
        let count = used(egress);
        if count + families > most {
            return Err(FaultError::Quota(format!(
                "{original} has {count} {} rules, the closing ones included; {families} more exceed the quota of {most}",
                if egress { "egress" } else { "ingress" }
            )));
        }
    }
    Ok(())
}

/// The rules for the clone: as they are, unless one's number is needed for a deny rule; then all
/// of that direction get new numbers, in order.
fn renumbered(rules: &[AclRule]) -> Vec<AclRule> {
    let mut copies = Vec::with_capacity(rules.len());
    for egress in [false, true] {
        let same: Vec<&AclRule> = rules.iter().filter(|rule| rule.egress == egress).collect();
        let clash = same.iter().any(|rule| rule.number <= DENY_NUMBERS.1);
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
        AclRule { allow: true, cidr: Some(cidr.to_owned()), ..AclRule::deny_all(number, false, false) }
    }

    #[test]
    fn low_rule_numbers_move_up_in_order_and_others_stay() {
        let low = renumbered(&[rule(1, "10.0.0.0/8"), rule(2, "10.1.0.0/16"), rule(7, "0.0.0.0/0")]);
        let numbers: Vec<i32> = low.iter().map(|rule| rule.number).collect();
        assert_eq!(numbers, [100, 110, 120]);
        assert_eq!(low[1].cidr.as_deref(), Some("10.1.0.0/16"));
        assert_eq!(renumbered(&[rule(100, "0.0.0.0/0")])[0].number, 100);
    }

    #[test]
    fn a_full_acl_is_refused_before_anything_is_made() {
        let rules = |count: i32| -> Vec<AclRule> { (1..=count).map(|n| rule(n * 10, "0.0.0.0/0")).collect() };
        assert!(fits(&rules(18), false, "acl-1").is_ok());
        assert!(matches!(fits(&rules(19), false, "acl-1"), Err(FaultError::Quota(_))));
        assert!(fits(&rules(16), true, "acl-1").is_ok());
        assert!(fits(&rules(17), true, "acl-1").is_err());
        assert!(fits(&rules(38), false, "acl-1").is_ok(), "the original shows a raised quota");
        assert!(fits(&rules(39), false, "acl-1").is_err());
    }
}
