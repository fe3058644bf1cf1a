use aws_sdk_cognitoidentityprovider::types::{LimitClass, LimitDefinitionType};

use super::*;

const USER: &str = "synthetic-0001";

fn sign_ins() -> LimitDefinitionType {
    let definition = LimitDefinitionType::builder().limit_class(LimitClass::ApiCategory);
    definition.attributes("Category", "UserAuthentication").build().unwrap()
}

impl TestLab {
    /// How many of so many sign-ins with a wrong password are throttled, and not even looked at.
    async fn throttled(&self, role: RegionRole, times: u32) -> u32 {
        let mut throttled = 0;
        for _ in 0..times {
            let parameters = [("USERNAME", USER), ("PASSWORD", "wrong")];
            match refusal(self.initiate(role, AuthFlowType::UserPasswordAuth, &parameters).await).0.as_str() {
                "TooManyRequestsException" => throttled += 1,
                "NotAuthorizedException" => {}
                other => panic!("{other}"),
            }
        }
        throttled
    }

    async fn provision(&self, role: RegionRole, rps: i32) -> Result<(i32, i32), (String, String)> {
        let call = self.client(role).update_provisioned_limit().limit_definition(sign_ins()).requested_limit_value(rps);
        match call.send().await {
            Ok(answer) => {
                let limit = answer.limit.unwrap();
                Ok((limit.provisioned_limit_value, limit.free_limit_value))
            }
            Err(error) => Err(refusal::<(), _>(Err(error))),
        }
    }
}

#[tokio::test]
async fn each_region_throttles_by_its_own_limit_until_more_is_provisioned() {
    // Hardly any scenario time passes, so that no bucket fills again.
    let lab = lab(LabSettings { user_authentication_rps: 5, ..settings() }, 1e-6).await;
    assert_eq!(lab.throttled(RegionRole::Replica, 8).await, 3);
    assert_eq!(lab.throttled(RegionRole::Primary, 5).await, 0);
    assert_eq!(lab.provision(RegionRole::Replica, 7).await, Ok((7, 5)));
    assert_eq!(lab.throttled(RegionRole::Replica, 9).await, 2);
    assert_eq!(lab.throttled(RegionRole::Primary, 1).await, 1);
    // One call a second to the limits themselves.
    assert_eq!(lab.provision(RegionRole::Replica, 6).await.unwrap_err().0, "TooManyRequestsException");
}

#[tokio::test]
async fn a_limit_is_told_and_goes_no_further_than_the_service_quota() {
    let lab = lab(settings(), 1e-6).await;
    let beyond = lab.provision(RegionRole::Primary, 1001).await.unwrap_err();
    assert_eq!(beyond.0, "ServiceQuotaExceededException");
    let call = lab.client(RegionRole::Replica).get_provisioned_limit().limit_definition(sign_ins());
    let limit = call.send().await.unwrap().limit.unwrap();
    assert_eq!((limit.provisioned_limit_value, limit.free_limit_value), (120, 120));
    assert_eq!(limit.limit_definition.unwrap(), sign_ins());
}

#[tokio::test]
async fn each_region_has_tags_of_its_own_on_the_pool() {
    let lab = lab(settings(), 1.0).await;
    let arn = |region: &str| format!("arn:aws:cognito-idp:{region}:111122223333:userpool/{}", lab.identity.pool_id());
    let replica = lab.client(RegionRole::Replica);
    replica.tag_resource().resource_arn(arn("us-west-2")).tags("gameday:mark", "gd-1").send().await.unwrap();
    let tags = |role: RegionRole, region: &str| {
        let call = lab.client(role).list_tags_for_resource().resource_arn(arn(region));
        async move { call.send().await.map(|answer| answer.tags.unwrap_or_default()) }
    };
    assert_eq!(tags(RegionRole::Replica, "us-west-2").await.unwrap()["gameday:mark"], "gd-1");
    assert!(tags(RegionRole::Primary, "us-east-1").await.unwrap().is_empty());
    assert_eq!(refusal(tags(RegionRole::Primary, "us-west-2").await).0, "ResourceNotFoundException");
    replica.untag_resource().resource_arn(arn("us-west-2")).tag_keys("gameday:mark").send().await.unwrap();
    assert!(tags(RegionRole::Replica, "us-west-2").await.unwrap().is_empty());
}
