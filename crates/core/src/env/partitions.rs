//! What an environment may not mix, and what a partition does not have.

use crate::files::{Document, FileFinding};
use crate::model::{Partition, Region};

/// What the names of managed login's own domains have in them; anything else is a custom domain.
const PREFIX_DOMAIN: &str = ".amazoncognito.";

/// Reports what the Regions' partition rules out.
pub(super) fn check(file: &mut Document) {
    let region = |file: &Document, part: &str| file.get::<Region>(&format!("{part}.region"));
    let Some(primary) = region(file, "primary") else { return };
    let partition = primary.partition();
    if let Some(replica) = region(file, "replica").filter(|replica| replica.partition() != partition) {
        let (here, there) = (partition.name(), replica.partition().name());
        let message = format!("{primary} is in the partition `{here}`, {replica} in `{there}`");
        let finding =
            FileFinding::at("replica.region", message, "in another partition").and("primary.region", "in this one");
        file.report(
            finding.help(
                "an account, a role and a replica user pool belong to one partition: name two Regions of the same",
            ),
        );
    }
    let role = file.get::<String>("dead_man.role_arn");
    if let Some(of) = role.as_deref().and_then(Partition::named_in).filter(|of| *of != partition.name()) {
        let message = format!("the role is in the partition `{of}`, {primary} in `{}`", partition.name());
        let finding = FileFinding::at("dead_man.role_arn", message, "in another partition");
        file.report(finding.help(format!("its ARN begins with \"arn:{}:iam::\"", partition.name())));
    }
    let domain = file.get::<String>("managed_login.domain").filter(|domain| !domain.contains(PREFIX_DOMAIN));
    if let (Some(domain), Partition::GovCloud) = (domain, partition) {
        let message = format!("`{domain}` is a custom domain, which Cognito does not have in GovCloud (US)");
        let finding = FileFinding::at("managed_login.domain", message, "a custom domain");
        // AWS GovCloud (US) user guide, "Amazon Cognito".
        file.report(
            finding.help(format!("write the pool's own domain, as \"PREFIX.auth-fips.{primary}.amazoncognito.com\"")),
        );
    }
}
