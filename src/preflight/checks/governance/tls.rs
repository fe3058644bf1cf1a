//! GD940: whether the front doors keep old TLS out, both of them alike.

use std::collections::BTreeSet;

use crate::preflight::checks::{BOTH, Check, Occurrence};
use crate::preflight::facts::Unavailable;
use gameday_core::model::Severity::Risk;
use gameday_core::model::{Predicts, RegionRole};
use gameday_protocols::net::NegotiatedVersion;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD940",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "An endpoint refuses TLS 1.2 and later, or its TLS version differs between the Regions",
    why: "Identity data requires TLS 1.2 or later, and controls must be equivalent in both Regions: a failover must \
          not lead to weaker encryption. The check connects to every address and offers TLS 1.2 and 1.3. It does not \
          offer older versions, so it does not detect an endpoint that accepts them in addition.",
    remedy: "Set the same TLS policy in both Regions, for a load balancer or for an API Gateway domain:\n\n\
             ```sh\n\
             aws elbv2 modify-listener --region REGION --listener-arn LISTENER_ARN --ssl-policy \
             ELBSecurityPolicy-TLS13-1-2-2021-06\n\
             aws apigateway update-domain-name --region REGION --domain-name NAME \\\n  \
             --patch-operations op=replace,path=/securityPolicy,value=TLS_1_2\n\
             ```\n\n\
             This command must fail, because it offers TLS 1.1 only: `openssl s_client -connect ADDRESS:443 \
             -servername NAME -tls1_1`",
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
                        Ok(NegotiatedVersion::On(version)) => drop(own.insert(*version)),
                        Ok(NegotiatedVersion::TooOld(told)) => sights.push(Occurrence::of(format!(
                            "{address} in {region} refuses a client that offers TLS 1.2 and 1.3: {told}"
                        ))),
                        Err(reason) => {
                            return Err(Unavailable::because(
                                format!("a handshake with {address} in {region}"),
                                reason,
                            ));
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
                let text = format!("negotiated {} in {primary}, {} in {replica}", told(here), told(there));
                sights.push(Occurrence::of(text));
            }
            Ok(sights)
        })
    },
};
