//! Synthetic users in a user pool: made at the primary, in a group by which they are known, and removed again. A user who is not in that
//! group is never touched.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{
    AttributeType, MessageActionType, UserStatusType, UserType, UsernameAttributeType,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rand::RngExt;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::cloud::CloudError;
use gameday_core::model::{Clock, Secret};

/// The group of synthetic users.
pub const GROUP: &str = "gameday-synthetic";

/// From one user to the next. Each needs one call of the quota category UserCreation (50 a second by default), one of
/// UserAccountRecovery (30) and one of UserUpdate (25): at 8 users a second two thirds and more of each are left to real users
/// (Cognito developer guide, "Quotas in Amazon Cognito").
const PACE: Duration = Duration::from_millis(125);

/// So many users are worked on at once; our own choice.
const AT_ONCE: usize = 16;

/// A throttled call is made again so often, each time after twice as long, from half a second on; our own choice.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// A replica gets so long to have new users; our own choice. AWS gives no bound ("near real time", Cognito developer guide, "Multi-Region
/// replication").
const ARRIVAL: Duration = Duration::from_mins(2);
/// From one look at it to the next, at least; our own choice.
const LOOK: Duration = Duration::from_millis(500);

/// The most that one page lists (Cognito API reference).
const PAGE: i32 = 60;

/// A pool to work on.
#[derive(Debug, Clone)]
pub struct Synthetics {
    /// Cognito's API at the primary.
    pub cognito: Client,
    /// The pool's ID.
    pub pool: String,
}

/// What became of a user.
#[derive(Debug)]
pub enum Made {
    /// The user is there, with this password.
    Ready {
        /// Its name.
        name: String,
        /// Its new password.
        password: Secret,
        /// Whether it was there before.
        was_there: bool,
    },
    /// A user of that name is there who is not in the group; untouched.
    Foreign(String),
    /// It could not be made, and why.
    Failed(String, CloudError),
}

/// What became of a user who was to be removed.
#[derive(Debug)]
pub enum Removed {
    /// The user is gone.
    Gone,
    /// It is still there, and why.
    Failed(String, CloudError),
}

/// What a pool calls its users, which its users type to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// Any name.
    Username,
    /// An e-mail address; the pool itself knows its users by names that it draws.
    Email,
    /// A phone number alone.
    Phone,
}

impl Naming {
    fn of(attributes: &[UsernameAttributeType]) -> Self {
        let has = |wanted: &UsernameAttributeType| attributes.contains(wanted);
        match (has(&UsernameAttributeType::Email), attributes.is_empty()) {
            (true, _) => Self::Email,
            (false, true) => Self::Username,
            (false, false) => Self::Phone,
        }
    }

    /// The name of a synthetic user that the pool takes; nothing where there is none of a number that nobody has.
    pub fn name(self, prefix: &str, number: u32) -> Option<String> {
        let name = format!("{prefix}{number:05}");
        match self {
            Self::Username => Some(name),
            Self::Email => Some(address(&name)),
            Self::Phone => None,
        }
    }
}

/// A user of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The pool's own name for it.
    pub username: String,
    /// What it types to sign in.
    pub login: String,
}

/// Who is there.
#[derive(Debug, Default)]
pub struct Census {
    /// Members of the group whose names have the prefix.
    pub ours: Vec<Known>,
    /// Members of the group with other names.
    pub other_names: Vec<String>,
    /// Users with the prefix who are not members.
    pub not_members: Vec<String>,
}

impl Synthetics {
    /// What the pool calls its users.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn naming(&self) -> Result<Naming, CloudError> {
        let operation = "cognito-idp:DescribeUserPool";
        let call = self.cognito.describe_user_pool().user_pool_id(&self.pool).send().await;
        let pool = call.map_err(CloudError::of(operation))?.user_pool;
        let pool = pool.ok_or_else(|| CloudError::incomplete(operation, "UserPool"))?;
        Ok(Naming::of(pool.username_attributes()))
    }

    /// Makes the group where it is missing.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn make_group(&self) -> Result<(), CloudError> {
        let call = self.cognito.get_group().user_pool_id(&self.pool).group_name(GROUP);
        match call.send().await.map_err(CloudError::of("cognito-idp:GetGroup")) {
            Ok(_) => return Ok(()),
            Err(error) if error.code.as_deref() == Some("ResourceNotFoundException") => {}
            Err(error) => return Err(error),
        }
        let call = self.cognito.create_group().user_pool_id(&self.pool).group_name(GROUP);
        let call = call.description("Synthetic users of GameDay; `gameday users purge` removes them");
        call.send().await.map(drop).map_err(CloudError::of("cognito-idp:CreateGroup"))
    }

    /// Makes users, or gives those of the group new passwords; tells of each as it is done, until `stop`.
    pub async fn seed(&self, names: Vec<String>, stop: &CancellationToken, tell: impl FnMut(Made)) {
        let one = |name: String| async move {
            match self.make(&name).await {
                Ok(Some((password, was_there))) => Made::Ready { name, password, was_there },
                Ok(None) => Made::Foreign(name),
                Err(error) => Made::Failed(name, error),
            }
        };
        Self::paced(names, stop, one, tell).await;
    }

    /// Removes users; tells of each as it is done, until `stop`.
    pub async fn purge(&self, users: Vec<Known>, stop: &CancellationToken, tell: impl FnMut(Removed)) {
        let one = |Known { username: name, login }: Known| async move {
            let removed = patiently(async || {
                let call = self.cognito.admin_delete_user().user_pool_id(&self.pool).username(&name);
                call.send().await.map_err(CloudError::of("cognito-idp:AdminDeleteUser"))
            });
            match removed.await {
                Err(error) if error.code.as_deref() != Some("UserNotFoundException") => Removed::Failed(login, error),
                _ => Removed::Gone,
            }
        };
        Self::paced(users, stop, one, tell).await;
    }

    /// Who is there, by the group and by the prefix.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn census(&self, prefix: &str) -> Result<Census, CloudError> {
        let naming = self.naming().await?;
        let members = self.members(naming).await?;
        let named = self.named(naming, prefix).await?;
        let logins = |users: Vec<Known>| users.into_iter().map(|user| user.login).collect();
        let not_members = named.into_iter().filter(|user| !members.contains(user)).collect();
        let (ours, other_names) = members.into_iter().partition(|user| user.login.starts_with(prefix));
        Ok(Census { ours, other_names: logins(other_names), not_members: logins(not_members) })
    }

    async fn members(&self, naming: Naming) -> Result<Vec<Known>, CloudError> {
        let (mut names, mut next) = (Vec::new(), None);
        loop {
            let page = patiently(async || {
                let call = self.cognito.list_users_in_group().user_pool_id(&self.pool).group_name(GROUP);
                let call = call.limit(PAGE).set_next_token(next.clone());
                call.send().await.map_err(CloudError::of("cognito-idp:ListUsersInGroup"))
            });
            let page = match page.await {
                // Without the group there is nobody in it.
                Err(error) if error.code.as_deref() == Some("ResourceNotFoundException") => return Ok(names),
                page => page?,
            };
            names.extend(page.users().iter().filter_map(|user| known(naming, user)));
            next = page.next_token;
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    async fn named(&self, naming: Naming, prefix: &str) -> Result<Vec<Known>, CloudError> {
        let users = self.listed(&self.cognito, naming, prefix).await?;
        Ok(users.iter().filter_map(|user| known(naming, user)).collect())
    }

    /// Waits until `replica`, a native replica of the pool, lists users as the primary does: with a password of their own, and changed no earlier.
    /// Tells after each look how many are there, and gives how many are not, at the latest after [`ARRIVAL`] or at `stop`.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn arrived(
        &self,
        replica: &Client,
        (naming, prefix): (Naming, &str),
        logins: &BTreeSet<String>,
        stop: &CancellationToken,
        mut tell: impl FnMut(usize),
    ) -> Result<usize, CloudError> {
        let mut missing = logins.len();
        let looking = async {
            loop {
                let look = Clock::real_now();
                let here = self.changes(&self.cognito, naming, prefix).await?;
                let there = self.changes(replica, naming, prefix).await?;
                let is_there = |login: &&String| {
                    here.get(*login).zip(there.get(*login)).is_some_and(|(here, there)| there >= here)
                };
                let arrived = logins.iter().filter(is_there).count();
                missing = logins.len() - arrived;
                tell(arrived);
                if missing == 0 {
                    return Ok(());
                }
                // Half of the time nothing is asked, so that real users of the quota category UserList keep theirs.
                tokio::time::sleep(Clock::real_now().duration_since(look).max(LOOK)).await;
            }
        };
        let looked = tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            looked = tokio::time::timeout(ARRIVAL, looking) => looked.unwrap_or(Ok(())),
        };
        looked.map(|()| missing)
    }

    /// When each user with a password of its own was changed last, by what it types to sign in.
    async fn changes(&self, at: &Client, naming: Naming, prefix: &str) -> Result<BTreeMap<String, i128>, CloudError> {
        let of = |user: &UserType| {
            let confirmed = user.user_status() == Some(&UserStatusType::Confirmed);
            let changed = user.user_last_modified_date().filter(|_| confirmed)?.as_nanos();
            Some((known(naming, user)?.login, changed))
        };
        Ok(self.listed(at, naming, prefix).await?.iter().filter_map(of).collect())
    }

    async fn listed(&self, at: &Client, naming: Naming, prefix: &str) -> Result<Vec<UserType>, CloudError> {
        // Quotes and backslashes are escaped in filters (Cognito developer guide, "Searching for user attributes").
        let attribute = if naming == Naming::Email { "email" } else { "username" };
        let filter = format!("{attribute} ^= \"{}\"", prefix.replace('\\', "\\\\").replace('"', "\\\""));
        let (mut users, mut next) = (Vec::new(), None);
        loop {
            let page = patiently(async || {
                let call = at.list_users().user_pool_id(&self.pool).filter(&filter);
                let call = call.limit(PAGE).set_pagination_token(next.clone());
                call.send().await.map_err(CloudError::of("cognito-idp:ListUsers"))
            });
            let page = page.await?;
            next = page.pagination_token;
            users.extend(page.users.unwrap_or_default());
            if next.is_none() {
                return Ok(users);
            }
        }
    }

    /// Works on users one after the other at [`PACE`], several at once where they take longer.
    async fn paced<N, T, F: Future<Output = T>>(
        names: Vec<N>,
        stop: &CancellationToken,
        one: impl Fn(N) -> F,
        mut tell: impl FnMut(T),
    ) {
        let mut pace = tokio::time::interval(PACE);
        // What was missed while the service was busy must not come at once when it is not any more.
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut working = FuturesUnordered::new();
        'names: for name in names {
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break 'names,
                    Some(done) = working.next(), if !working.is_empty() => tell(done),
                    _ = pace.tick(), if working.len() < AT_ONCE => break,
                }
            }
            working.push(one(name));
        }
        while let Some(done) = working.next().await {
            tell(done);
        }
    }

    /// Makes one user; gives its password and whether it was there, or nothing where it is somebody else's.
    async fn make(&self, name: &str) -> Result<Option<(Secret, bool)>, CloudError> {
        let created = patiently(async || self.create(name).await).await;
        let was_there = match created {
            Ok(()) => false,
            Err(error) if error.code.as_deref() == Some("UsernameExistsException") => {
                let member = patiently(async || self.is_member(name).await).await?;
                if !member && !patiently(async || self.is_begun(name).await).await? {
                    return Ok(None);
                }
                member
            }
            Err(error) => return Err(error),
        };
        if !was_there {
            patiently(async || {
                let call = self.cognito.admin_add_user_to_group().user_pool_id(&self.pool).username(name);
                let call = call.group_name(GROUP).send().await;
                call.map(drop).map_err(CloudError::of("cognito-idp:AdminAddUserToGroup"))
            })
            .await?;
        }
        let password = password();
        patiently(async || {
            let call = self.cognito.admin_set_user_password().user_pool_id(&self.pool).username(name);
            let call = call.password(password.expose()).permanent(true).send().await;
            call.map(drop).map_err(CloudError::of("cognito-idp:AdminSetUserPassword"))
        })
        .await?;
        Ok(Some((password, was_there)))
    }

    async fn create(&self, name: &str) -> Result<(), CloudError> {
        let attributes = [("email", address(name)), ("email_verified", "true".to_owned())];
        let mut call = self.cognito.admin_create_user().user_pool_id(&self.pool).username(name);
        for (key, value) in attributes {
            let attribute = AttributeType::builder().name(key).value(value).build();
            let attribute = attribute.map_err(|_| CloudError::incomplete("cognito-idp:AdminCreateUser", key))?;
            call = call.user_attributes(attribute);
        }
        let call = call.message_action(MessageActionType::Suppress).temporary_password(password().expose());
        call.send().await.map(drop).map_err(CloudError::of("cognito-idp:AdminCreateUser"))
    }

    /// Whether it is as [`Self::create`] leaves it: made by an earlier try whose answer was lost, or that was broken off before the user
    /// was in the group. Nobody else gives a user that address.
    async fn is_begun(&self, name: &str) -> Result<bool, CloudError> {
        let call = self.cognito.admin_get_user().user_pool_id(&self.pool).username(name).send().await;
        let user = call.map_err(CloudError::of("cognito-idp:AdminGetUser"))?;
        let email = user.user_attributes().iter().find(|attribute| attribute.name() == "email");
        let waits = user.user_status() == Some(&UserStatusType::ForceChangePassword);
        Ok(waits && email.and_then(AttributeType::value) == Some(address(name).as_str()))
    }

    async fn is_member(&self, name: &str) -> Result<bool, CloudError> {
        let mut next = None;
        loop {
            let call = self.cognito.admin_list_groups_for_user().user_pool_id(&self.pool).username(name);
            let call = call.limit(PAGE).set_next_token(next).send().await;
            let page = call.map_err(CloudError::of("cognito-idp:AdminListGroupsForUser"))?;
            if page.groups().iter().any(|group| group.group_name() == Some(GROUP)) {
                return Ok(true);
            }
            next = page.next_token;
            if next.is_none() {
                return Ok(false);
            }
        }
    }
}

/// The address of nobody (RFC 2606); it is verified, so that nothing is ever sent there. A name may be such an address itself.
fn address(name: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@example.com") }
}

/// A user as the pool lists it. Who has no e-mail address in a pool of addresses is known by the pool's own name alone.
fn known(naming: Naming, user: &UserType) -> Option<Known> {
    let username = user.username()?.to_owned();
    let email =
        || user.attributes().iter().find(|attribute| attribute.name() == "email").and_then(AttributeType::value);
    let login = if naming == Naming::Email { email() } else { None };
    Some(Known { login: login.map_or_else(|| username.clone(), str::to_owned), username })
}

/// A password of 144 random bits, with a character of every kind that a password policy can ask for.
fn password() -> Secret {
    Secret::new(format!("Gd1-{}", URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 18]>())))
}

/// Makes a call again while the service is busy. Each of them may be made twice: who is there already is known by
/// [`Synthetics::is_begun`], and has only a second password.
async fn patiently<T>(call: impl AsyncFn() -> Result<T, CloudError>) -> Result<T, CloudError> {
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match call().await {
            Err(error) if error.is_transient() => {}
            done => return done,
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    call().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_missed_while_the_service_was_busy_does_not_come_at_once() {
        let began = std::sync::Mutex::new(Vec::new());
        let names = (0..AT_ONCE + 8).map(|number| number.to_string()).collect();
        // Until then the first ones are throttled, and take every place.
        let busy = tokio::time::Instant::now() + Duration::from_secs(3);
        let one = async |_: String| {
            let number = {
                let mut began = began.lock().unwrap();
                began.push(tokio::time::Instant::now());
                began.len()
            };
            if number <= AT_ONCE {
                tokio::time::sleep_until(busy).await;
            }
        };
        Synthetics::paced(names, &CancellationToken::new(), one, drop).await;
        let began = began.into_inner().unwrap();
        let after: Vec<Duration> = began[AT_ONCE..].windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(began[AT_ONCE] >= busy && after.len() == 7, "{after:?}");
        assert!(after.iter().all(|gap| *gap >= PACE / 2), "{after:?}");
    }

    #[test]
    fn c08_users_have_names_that_the_pool_takes_and_is_asked_for() {
        let (email, phone) = (UsernameAttributeType::Email, UsernameAttributeType::PhoneNumber);
        let name = |attributes: &[UsernameAttributeType]| Naming::of(attributes).name("gameday-", 7);
        assert_eq!(name(&[]).as_deref(), Some("gameday-00007"));
        for attributes in [vec![email.clone()], vec![phone.clone(), email]] {
            assert_eq!(name(&attributes).as_deref(), Some("gameday-00007@example.com"));
        }
        assert_eq!(name(&[phone]), None);
        assert_eq!(address("gameday-00007@example.com"), "gameday-00007@example.com");
        let user = UserType::builder()
            .username("7a2f9c1e")
            .attributes(AttributeType::builder().name("email").value("gameday-00007@example.com").build().unwrap());
        let user = user.build();
        let login = |naming| known(naming, &user).unwrap().login;
        assert_eq!(
            (login(Naming::Username), login(Naming::Email)),
            ("7a2f9c1e".to_owned(), "gameday-00007@example.com".to_owned())
        );
    }
}
