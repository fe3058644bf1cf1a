//! What users changed in the pool is put back, at the primary's own API: passwords that they had to set, and users who signed up.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cloud::{CloudError, ErrorClass};
use crate::model::{Clock, Event, Secret};

use super::crowd::Crowd;

/// From one try to the next; our own choice.
const BETWEEN_TRIES: Duration = Duration::from_secs(2);

/// Once the users have stopped, what is still to be put back has so long, in real time; our own choice.
const LAST_PATIENCE: Duration = Duration::from_secs(30);

/// Something to be put back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Chore {
    /// Asks the user for a new password again.
    AskForPassword(String),
    /// Removes a user who signed up.
    Delete(String),
}

/// What is being put back, beside the users' logins.
#[derive(Debug, Default)]
pub struct Chores {
    /// Those that wait for their next try.
    pending: Mutex<BTreeSet<Chore>>,
    tasks: TaskTracker,
    /// No user acts any more: what is left has [`LAST_PATIENCE`].
    last: CancellationToken,
}

impl Chores {
    /// Waits for what is under way. Nothing may be added any more.
    pub(super) async fn finish(&self) {
        self.last.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn pending(&self) -> MutexGuard<'_, BTreeSet<Chore>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Crowd {
    /// Does a chore beside everything else, again and again until it is done or the run ends.
    pub(super) fn put_back_later(self: &Arc<Self>, chore: Chore) {
        if self.chores.pending().insert(chore.clone()) {
            let crowd = Arc::clone(self);
            self.chores.tasks.spawn(async move { crowd.put_back(&chore).await });
        }
    }

    /// Does a chore, and notes in the event log what could not be done.
    pub(super) async fn put_back(&self, chore: &Chore) {
        let mut until = None;
        loop {
            // From here on it may be needed again: a user may sign in while the answer is on its way.
            self.chores.pending().remove(chore);
            let error = match self.do_chore(chore).await {
                Ok(()) => return,
                Err(error) => error,
            };
            if until.is_none() && self.chores.last.is_cancelled() {
                until = Some(Clock::real_now() + LAST_PATIENCE);
            }
            let late = until.is_some_and(|until| Clock::real_now() >= until);
            if late || !error.is_transient() {
                self.log.write(Event::Notice { text: self.left(chore, &error) });
                return;
            }
            if !self.chores.pending().insert(chore.clone()) {
                // Another task does it.
                return;
            }
            tokio::select! {
                () = self.door.clock.sleep(BETWEEN_TRIES) => {}
                () = self.chores.last.cancelled(), if until.is_none() => {}
            }
        }
    }

    async fn do_chore(&self, chore: &Chore) -> Result<(), CloudError> {
        let (admin, pool) = (&self.door.admin, &self.door.pool_id);
        match chore {
            Chore::AskForPassword(user) => {
                // Whoever is not of the list any more cannot be given a password.
                let Some(password) = self.password_of(user) else { return Ok(()) };
                let call = admin.admin_set_user_password().user_pool_id(pool).username(user);
                let call = call.password(password.expose()).permanent(false);
                call.send().await.map(drop).map_err(CloudError::of("cognito-idp:AdminSetUserPassword"))
            }
            Chore::Delete(user) => {
                let call = admin.admin_delete_user().user_pool_id(pool).username(user);
                match call.send().await.map_err(CloudError::of("cognito-idp:AdminDeleteUser")) {
                    Err(error) if error.class == ErrorClass::NotFound => Ok(()),
                    done => done.map(drop),
                }
            }
        }
    }

    fn password_of(&self, user: &str) -> Option<&Secret> {
        let mut accounts = self.door.populations.values().flat_map(|population| &population.accounts);
        accounts.find(|account| account.name == user).map(|account| &account.password)
    }

    /// What is left, and how to put it back by hand.
    fn left(&self, chore: &Chore, error: &CloudError) -> String {
        let pool = &self.door.pool_id;
        let region = self.door.regions.first().map_or("", |(_, region, _)| region.as_str());
        let (what, command, user) = match chore {
            Chore::AskForPassword(user) => {
                ("has set a new password", "admin-set-user-password --no-permanent --password PASSWORD", user)
            }
            Chore::Delete(user) => ("has signed up", "admin-delete-user", user),
        };
        let command = format!("aws cognito-idp {command} --region {region} --user-pool-id {pool} --username {user}");
        format!("{user} {what}, which could not be put back ({error}); run: {command}")
    }
}
