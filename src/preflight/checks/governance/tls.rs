//! GD940: whether the front doors keep old TLS out, both of them alike.

use std::collections::BTreeSet;

use crate::model::Severity::Risk;
use crate::model::{Predicts, RegionRole};
use crate::net::Agreed;
use crate::preflight::checks::{BOTH, Check, Sight};
use crate::preflight::facts::Missing;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD940",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "A front door agrees on no TLS 1.2 or later, or on another version than the other Region's",
    why: "Identity data may not travel over less than TLS 1.2, and controls must be equivalent in both Regions: a failover must not be a \
          way to weaker encryption. The check shakes hands with every address and offers TLS 1.2 and 1.3; older versions are not in the \
          library, so that a door which accepts them beside newer ones is not found here.",
    remedy: "Set the same policy in both Regions: `aws elbv2 modify-listener --ssl-policy ELBSecurityPolicy-TLS13-1-2-2021-06` for a load \
             balancer, `security_policy = \"TLS_1_2\"` for an API Gateway domain. To see that old versions are refused: `openssl s_client \
             -connect ADDRESS:443 -servername NAME -tls1_1`",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let both = (facts.handshakes(RegionRole::Primary), facts.handshakes(RegionRole::Replica));
            let (here, there) = futures::future::try_join(both.0, both.1).await?;
            let (mut sights, mut versions) = (Vec::new(), Vec::new());
            for (env, shaken) in [(&facts.site.primary, here), (&facts.site.replica, there)] {
                let mut own = BTreeSet::new();
                for door in shaken.iter() {
                    let (region, address) = (&env.region, door.address);
                    match &door.agreed {
                        Ok(Agreed::On(version)) => drop(own.insert(*version)),
                        Ok(Agreed::TooOld(told)) => sights.push(Sight::of(format!(
                            "{address} in {region} refuses a client that offers TLS 1.2 and 1.3: {told}"
                        ))),
                        Err(reason) => {
                            return Err(Missing::because(format!("a handshake with {address} in {region}"), reason));
                        }
                    }
                }
                versions.push((&env.region, own));
            }
            if let [(primary, here), (replica, there)] = versions.as_slice()
                && here != there
                && !here.is_empty()
                && !there.is_empty()
            {
                let told = |own: &BTreeSet<&str>| own.iter().copied().collect::<Vec<_>>().join(" and ");
                let text = format!("agreed on {} in {primary}, on {} in {replica}", told(here), told(there));
                sights.push(Sight::of(text));
            }
            Ok(sights)
        })
    },
};
