use super::Region;

/// A group of Regions with accounts, ARNs and endpoints of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// The commercial Regions.
    Aws,
    /// China.
    China,
    /// GovCloud (US).
    GovCloud,
    /// The European Sovereign Cloud.
    Sovereign,
    /// The isolated Regions of the United States, by their letter: none, `b`, `e`, `f`.
    Isolated(Option<char>),
}

/// What the names of a partition's Regions begin with (AWS general reference, "Regions and endpoints"; botocore
/// `partitions.json`). Everything else is commercial.
const PREFIXES: [(&str, Partition); 7] = [
    ("cn-", Partition::China),
    ("us-gov-", Partition::GovCloud),
    ("eusc-", Partition::Sovereign),
    ("us-iso-", Partition::Isolated(None)),
    ("us-isob-", Partition::Isolated(Some('b'))),
    ("eu-isoe-", Partition::Isolated(Some('e'))),
    ("us-isof-", Partition::Isolated(Some('f'))),
];

impl Partition {
    /// As ARNs name it: `arn:NAME:…`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::GovCloud => "aws-us-gov",
            Self::Sovereign => "aws-eusc",
            Self::Isolated(Some('b')) => "aws-iso-b",
            Self::Isolated(Some('e')) => "aws-iso-e",
            Self::Isolated(Some('f')) => "aws-iso-f",
            Self::Isolated(_) => "aws-iso",
        }
    }

    /// What the names of its endpoints end with.
    pub const fn dns_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::GovCloud => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
            Self::Sovereign => "amazonaws.eu",
            Self::Isolated(Some('b')) => "sc2s.sgov.gov",
            Self::Isolated(Some('e')) => "cloud.adc-e.uk",
            Self::Isolated(Some('f')) => "csp.hci.ic.gov",
            Self::Isolated(_) => "c2s.ic.gov",
        }
    }

    /// The name of the partition that an ARN is in.
    pub fn named_in(arn: &str) -> Option<&str> {
        arn.strip_prefix("arn:")?.split(':').next().filter(|name| name.starts_with("aws"))
    }
}

impl Region {
    /// Where it belongs, by its name.
    pub fn partition(&self) -> Partition {
        let found = PREFIXES.iter().find(|(prefix, _)| self.as_str().starts_with(prefix));
        found.map_or(Partition::Aws, |(_, partition)| *partition)
    }

    /// The name of a service's endpoint in it, as `cognito-idp.us-east-1.amazonaws.com`.
    pub fn host_of(&self, service: &str) -> String {
        format!("{service}.{self}.{}", self.partition().dns_suffix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c23_arns_and_endpoints_follow_the_partition() {
        let of = |region: &str| {
            let region = Region::from(region);
            (region.partition().name(), region.host_of("cognito-idp"))
        };
        assert_eq!(of("us-east-1"), ("aws", "cognito-idp.us-east-1.amazonaws.com".to_owned()));
        assert_eq!(of("cn-north-1"), ("aws-cn", "cognito-idp.cn-north-1.amazonaws.com.cn".to_owned()));
        assert_eq!(of("us-gov-west-1"), ("aws-us-gov", "cognito-idp.us-gov-west-1.amazonaws.com".to_owned()));
        assert_eq!(of("us-isob-east-1"), ("aws-iso-b", "cognito-idp.us-isob-east-1.sc2s.sgov.gov".to_owned()));
        assert_eq!(of("eusc-de-east-1"), ("aws-eusc", "cognito-idp.eusc-de-east-1.amazonaws.eu".to_owned()));
        assert_eq!(Partition::named_in("arn:aws-cn:iam::1:role/x"), Some("aws-cn"));
        assert_eq!(Partition::named_in("not an ARN"), None);
    }
}
