//! What a run does next: a pure function of what it was doing and of what happened. The shell performs what comes out of it.
//!
//! ```text
//! preflight -> open -> lock -> record users -> baseline -> gate -> prepare -> cut -> outage -> hold -> last turns
//!                                    whatever happens in any of these, as soon as it has ended:
//! restore -> failback or settle -> end load -> clean users -> compare -> unlock -> close
//! ```
//!
//! There is one way to finish. Before the journal exists nothing can have changed, and the run just ends. From then on it ends through the restore, and
//! what is not proved to be back is in [`RunFailure::NotRestored`].

use gameday_core::model::{Phase, RunFailure};

use super::StopLevel;

/// What a run that met a bug of GameDay's own says.
pub(super) const INTERNAL: &str = "an internal error (a bug: please report it)";

/// What a run does, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Activity {
    /// Readiness checks; only reads.
    Preflight,
    /// Makes the journal, and the executor that writes it.
    Open,
    /// Keeps other runs away.
    Lock,
    /// Writes into the journal what users may change.
    RecordUsers,
    /// Users and observers begin; steady state.
    Baseline,
    /// Steady state is proved, and what the plan rests on is described again.
    Gate,
    /// Everything that hurts nobody, the dead-man switch included.
    Prepare,
    /// What hurts.
    Cut,
    /// Until the replica serves, or the phase is over.
    Outage,
    /// The replica serves.
    Hold,
    /// The hold lasts until every fault has had its turns.
    LastTurns,
    /// Undoes what hurts and what was prepared.
    Restore,
    /// Until the primary serves again, or the phase is over; and, meanwhile, what [`Activity::Settle`] does.
    Failback,
    /// Sees that everything is undone, late enough to be believed.
    Settle,
    /// Users and observers end.
    EndLoad,
    /// Undoes what users changed.
    CleanUsers,
    /// Describes what was touched, and compares it with what was there before.
    Compare,
    /// Lets other runs in.
    Unlock,
    /// Closes the journal: it is proved that nothing is left.
    Close,
}

impl Activity {
    /// The phase that begins with it.
    pub(super) fn phase(self) -> Option<Phase> {
        match self {
            Self::Preflight => Some(Phase::Preflight),
            Self::Baseline => Some(Phase::Baseline),
            Self::Prepare => Some(Phase::Inject),
            Self::Outage => Some(Phase::Outage),
            Self::Hold => Some(Phase::Hold),
            Self::Restore => Some(Phase::Restore),
            Self::Failback => Some(Phase::Failback),
            Self::EndLoad => Some(Phase::Verify),
            _ => None,
        }
    }

    /// Whether it is on the way to the fault, or under it.
    fn forward(self) -> bool {
        self < Self::Restore
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// The activity under way ended.
    Ended(Ended),
    /// Every fault that begins or ends in the course of the run has, or one of them could not.
    TurnsEnded(Result<(), String>),
    /// Users or observers ended although nobody asked them to.
    LoadEnded,
    /// A signal or a stop condition.
    Stop {
        /// How far.
        level: StopLevel,
        /// The first reason.
        reason: String,
    },
}

/// How an activity ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// As it should.
    Done,
    /// It was told to, and has no call in flight any more.
    Interrupted,
    /// The run must not go on.
    Refused(RefusedBy),
    /// It cannot go on.
    Failed(String),
    /// Undoing ended for the first time.
    Restored {
        /// What is left: resource and reason. The look after it has the last word.
        left: Vec<String>,
        /// Whether a call that cuts was ever sent.
        cut: bool,
    },
    /// Undoing, or looking at what was undone, ended with this left.
    Left(Vec<String>),
    /// It panicked.
    Panicked,
}

/// Who refuses a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RefusedBy {
    /// Preflight, or another run's lock; its findings are in the event log.
    Preflight,
    /// The gate, or the last look before the cut.
    Gate(String),
}

/// What the shell does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EngineAction {
    /// Begins an activity; none is under way but a wait.
    Start(Activity),
    /// Lets faults begin and end in the course of the run, beside the activities up to the restore, which waits for their last call.
    StartTurns,
    /// Tells the activity under way to end; it does, once nothing of it is in flight.
    Interrupt,
    /// Tells undoing to give up what cannot be undone now.
    GiveUp,
    /// Records that the run is stopped early.
    Abort(String),
    /// Records something for the report.
    Note(String),
    /// Ends the run.
    Finish(Option<RunFailure>),
}

/// How far a run is, and how it will end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunState {
    /// What it does.
    doing: Activity,
    /// Whether users and observers may be at work.
    loaded: bool,
    /// Whether faults have turns to come.
    turning: bool,
    /// Why it does not go its way to the end; the first reason counts.
    end: Option<RunFailure>,
    /// What is not back.
    left: Vec<String>,
    /// How far it was told to stop.
    stopped: Option<StopLevel>,
    /// The first reason for that.
    reason: String,
    /// Whether the restore was begun again after a panic.
    again: bool,
}

/// The beginning.
pub(super) fn begin() -> (RunState, Vec<EngineAction>) {
    let state = RunState {
        doing: Activity::Preflight,
        loaded: false,
        turning: false,
        end: None,
        left: Vec::new(),
        stopped: None,
        reason: String::new(),
        again: false,
    };
    (state, vec![EngineAction::Start(Activity::Preflight)])
}

/// What comes next.
pub(super) fn next(mut state: RunState, event: Event) -> (RunState, Vec<EngineAction>) {
    let actions = match event {
        Event::Stop { level, reason } => state.stop(level, reason),
        Event::TurnsEnded(ended) => state.turned(ended),
        Event::LoadEnded => {
            state.cannot_go_on(format!("the load generator or the observers ended unexpectedly: {INTERNAL}"))
        }
        Event::Ended(ended) if state.doing.forward() => state.forward(ended),
        Event::Ended(ended) => state.back(ended),
    };
    (state, actions)
}

impl RunState {
    /// The first reason is kept, and recorded.
    fn abort(&mut self, reason: String) -> Option<EngineAction> {
        if self.end.is_some() {
            return None;
        }
        self.end = Some(RunFailure::Aborted(reason.clone()));
        Some(EngineAction::Abort(reason))
    }

    fn stop(&mut self, level: StopLevel, reason: String) -> Vec<EngineAction> {
        self.stopped = self.stopped.max(Some(level));
        if self.reason.is_empty() {
            self.reason = reason;
        }
        let mut actions = Vec::new();
        if self.doing.forward() {
            actions.extend(self.abort(self.reason.clone()));
            actions.push(EngineAction::Interrupt);
        }
        if self.doing == Activity::Failback && level >= StopLevel::SkipObservers {
            // What is cut short was not observed to its end, so the run ends here for the figures.
            actions.extend(self.abort(self.reason.clone()));
            actions.push(EngineAction::Note(format!("the failback was not observed to its end: {}", self.reason)));
            actions.push(EngineAction::Interrupt);
        }
        if level == StopLevel::GiveUp {
            actions.push(EngineAction::GiveUp);
            // Users end by themselves within their own patience; who gives up does not wait for them.
            actions.extend((self.doing == Activity::EndLoad).then_some(EngineAction::Interrupt));
        }
        actions
    }

    /// Something beside the activity under way failed. On the way back that changes nothing: everything is undone there anyway.
    fn cannot_go_on(&mut self, why: String) -> Vec<EngineAction> {
        if !self.doing.forward() {
            return Vec::new();
        }
        self.abort(why).into_iter().chain([EngineAction::Interrupt]).collect()
    }

    fn turned(&mut self, ended: Result<(), String>) -> Vec<EngineAction> {
        self.turning = false;
        match ended {
            Err(why) => self.cannot_go_on(why),
            // Nothing else is waited for.
            Ok(()) if self.doing == Activity::LastTurns => vec![self.start(Activity::Restore)],
            Ok(()) => Vec::new(),
        }
    }

    fn start(&mut self, what: Activity) -> EngineAction {
        self.doing = what;
        self.loaded |= what == Activity::Baseline;
        EngineAction::Start(what)
    }

    fn forward(&mut self, ended: Ended) -> Vec<EngineAction> {
        let mut actions = Vec::new();
        match ended {
            Ended::Done if self.end.is_none() => {
                let following = match self.doing {
                    Activity::Preflight => Activity::Open,
                    Activity::Open => Activity::Lock,
                    Activity::Lock => Activity::RecordUsers,
                    Activity::RecordUsers => Activity::Baseline,
                    Activity::Baseline => Activity::Gate,
                    Activity::Gate => Activity::Prepare,
                    Activity::Prepare => Activity::Cut,
                    Activity::Cut => Activity::Outage,
                    Activity::Outage => Activity::Hold,
                    Activity::Hold if self.turning => Activity::LastTurns,
                    _ => Activity::Restore,
                };
                if following == Activity::Outage {
                    self.turning = true;
                    actions.push(EngineAction::StartTurns);
                }
                actions.push(self.start(following));
                return actions;
            }
            // It was asked to stop, and that is why it does not go on.
            Ended::Done | Ended::Interrupted => actions.extend(self.abort(self.reason.clone())),
            Ended::Refused(refusal) if self.end.is_none() => {
                self.end = Some(match refusal {
                    RefusedBy::Preflight => RunFailure::PreflightRefused,
                    RefusedBy::Gate(why) => RunFailure::Refused(why),
                });
            }
            Ended::Refused(_) => {}
            Ended::Failed(why) => actions.extend(self.abort(why)),
            Ended::Panicked | Ended::Restored { .. } | Ended::Left(_) => {
                actions.extend(self.abort(INTERNAL.to_owned()));
            }
        }
        // Without a journal nothing can have been changed.
        if self.doing <= Activity::Open {
            actions.push(self.finish());
        } else {
            actions.push(self.start(Activity::Restore));
        }
        actions
    }

    fn back(&mut self, ended: Ended) -> Vec<EngineAction> {
        let mut actions = Vec::new();
        if ended == Ended::Panicked {
            actions.extend(self.abort(INTERNAL.to_owned()));
        }
        let following = match self.doing {
            Activity::Restore => match ended {
                // Undoing can be repeated at any time, so a bug in its course is no reason to leave anything.
                Ended::Panicked if !self.again => {
                    self.again = true;
                    Activity::Restore
                }
                ended => self.restored(ended, &mut actions),
            },
            Activity::Failback | Activity::Settle => {
                // Undone and seen to be so: what the first round could not do may be done by now.
                if !matches!(ended, Ended::Panicked) {
                    self.left.clear();
                }
                self.leave(ended, "the verification that everything is restored");
                if self.loaded { Activity::EndLoad } else { Activity::CleanUsers }
            }
            Activity::EndLoad => Activity::CleanUsers,
            Activity::CleanUsers => {
                self.leave(ended, "the users that were changed");
                // A signal that came while everything was being put back cut the way back short.
                if self.stopped.is_some() {
                    actions.extend(self.abort(self.reason.clone()));
                }
                if self.loaded { Activity::Compare } else { Activity::Unlock }
            }
            Activity::Compare => {
                self.leave(ended, "the comparison of the state before and after");
                Activity::Unlock
            }
            Activity::Unlock => {
                self.leave(ended, "the lock");
                if !self.left.is_empty() {
                    actions.push(self.finish());
                    return actions;
                }
                Activity::Close
            }
            _ => {
                if let Ended::Failed(why) = ended {
                    let text = format!("everything is restored, but the journal could not be closed: {why}");
                    actions.push(EngineAction::Note(text));
                }
                actions.push(self.finish());
                return actions;
            }
        };
        // What keeps others away, and the journal that `gameday rollback` starts from, stay while something is left.
        if following == Activity::Unlock && !self.left.is_empty() {
            actions.push(self.finish());
        } else {
            actions.push(self.start(following));
        }
        actions
    }

    fn restored(&mut self, ended: Ended, actions: &mut Vec<EngineAction>) -> Activity {
        let was_cut = matches!(ended, Ended::Restored { cut: true, .. });
        self.leave(ended, "the restore from the journal");
        if !was_cut || !self.left.is_empty() {
            return Activity::Settle;
        }
        if self.stopped >= Some(StopLevel::SkipObservers) {
            actions.push(EngineAction::Note(format!("the failback was not observed: {}", self.reason)));
            return Activity::Settle;
        }
        Activity::Failback
    }

    /// Notes what is not back; an activity that did not come to its end proves nothing.
    fn leave(&mut self, ended: Ended, what: &str) {
        match ended {
            Ended::Done => {}
            Ended::Restored { left, .. } | Ended::Left(left) => self.left.extend(left),
            Ended::Failed(why) => self.left.push(why),
            Ended::Panicked => self.left.push(format!("{what}: {INTERNAL}")),
            Ended::Interrupted | Ended::Refused(_) => self.left.push(format!("{what}: aborted")),
        }
    }

    fn finish(&self) -> EngineAction {
        let failure =
            if self.left.is_empty() { self.end.clone() } else { Some(RunFailure::NotRestored(self.left.join("; "))) };
        EngineAction::Finish(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORWARD: [Activity; 11] = [
        Activity::Preflight,
        Activity::Open,
        Activity::Lock,
        Activity::RecordUsers,
        Activity::Baseline,
        Activity::Gate,
        Activity::Prepare,
        Activity::Cut,
        Activity::Outage,
        Activity::Hold,
        Activity::LastTurns,
    ];
    const BACK: [Activity; 8] = [
        Activity::Restore,
        Activity::Failback,
        Activity::Settle,
        Activity::EndLoad,
        Activity::CleanUsers,
        Activity::Compare,
        Activity::Unlock,
        Activity::Close,
    ];

    /// A shell without sockets: every activity ends as it should, a cut one at once.
    struct FakeShell {
        state: RunState,
        started: Vec<Activity>,
        cut: bool,
        aborts: Vec<String>,
        gave_up: bool,
        interrupted: bool,
        finished: Option<Result<(), RunFailure>>,
    }

    impl FakeShell {
        fn new() -> Self {
            let (state, actions) = begin();
            let (started, aborts) = (Vec::new(), Vec::new());
            let mut own =
                Self { state, started, cut: false, aborts, gave_up: false, interrupted: false, finished: None };
            own.perform(actions);
            own
        }

        fn at(activity: Activity) -> Self {
            let mut own = Self::new();
            while own.state.doing != activity {
                // A run whose way back is watched settles meanwhile.
                if activity == Activity::Settle && own.state.doing == Activity::Restore {
                    own.cut = false;
                }
                own.go_on();
            }
            own.interrupted = false;
            own
        }

        fn perform(&mut self, actions: Vec<EngineAction>) {
            for action in actions {
                assert!(self.finished.is_none(), "nothing comes after the end: {action:?}");
                match action {
                    EngineAction::Start(activity) => {
                        self.cut |= activity == Activity::Cut;
                        self.interrupted = false;
                        self.started.push(activity);
                    }
                    EngineAction::StartTurns | EngineAction::Note(_) => {}
                    EngineAction::Interrupt => self.interrupted = true,
                    EngineAction::GiveUp => self.gave_up = true,
                    EngineAction::Abort(reason) => self.aborts.push(reason),
                    EngineAction::Finish(failure) => self.finished = Some(failure.map_or(Ok(()), Err)),
                }
            }
        }

        fn happens(&mut self, event: Event) -> &mut Self {
            let (state, actions) = next(self.state.clone(), event);
            self.state = state;
            self.perform(actions);
            self
        }

        fn ends(&mut self, ended: Ended) -> &mut Self {
            self.happens(Event::Ended(ended))
        }

        fn signals(&mut self, count: usize) -> &mut Self {
            for level in [StopLevel::Restore, StopLevel::SkipObservers, StopLevel::GiveUp].into_iter().take(count) {
                self.happens(Event::Stop { level, reason: "SIGINT".to_owned() });
            }
            self
        }

        /// What is under way ends as it should.
        fn go_on(&mut self) -> &mut Self {
            let event = match self.state.doing {
                // Only watching is cut short: what settles beside it ends by itself.
                Activity::Failback if self.interrupted => Event::Ended(Ended::Left(Vec::new())),
                _ if self.interrupted => Event::Ended(Ended::Interrupted),
                Activity::LastTurns => Event::TurnsEnded(Ok(())),
                Activity::Restore => Event::Ended(Ended::Restored { left: Vec::new(), cut: self.cut }),
                _ => Event::Ended(Ended::Done),
            };
            self.happens(event)
        }

        /// To the end; gives the exit code of the contract that it leads to.
        fn code(&mut self) -> u8 {
            for _ in 0..40 {
                if let Some(failure) = &self.finished {
                    return match failure {
                        Ok(()) => 0,
                        Err(RunFailure::PreflightRefused | RunFailure::Refused(_)) => 3,
                        Err(RunFailure::Aborted(_)) => 4,
                        Err(RunFailure::NotRestored(_)) => 5,
                    };
                }
                self.go_on();
            }
            panic!("it never ends: {:?}", self.started);
        }

        fn did(&self, activity: Activity) -> bool {
            self.started.contains(&activity)
        }

        /// Whatever was begun is undone and proved, in this order.
        fn came_back_from(&self, activity: Activity) {
            let back: Vec<Activity> = self.started.iter().copied().filter(|one| !one.forward()).collect();
            let mut expected = vec![Activity::Restore];
            let watched = self.did(Activity::Failback);
            expected.push(if watched { Activity::Failback } else { Activity::Settle });
            if activity >= Activity::Baseline {
                expected.extend([Activity::EndLoad, Activity::CleanUsers, Activity::Compare]);
            } else {
                expected.push(Activity::CleanUsers);
            }
            expected.extend([Activity::Unlock, Activity::Close]);
            assert_eq!(back, expected, "after {activity:?}");
        }
    }

    #[test]
    fn a_run_goes_through_every_activity_in_order() {
        let mut run = FakeShell::new();
        assert_eq!(run.code(), 0);
        let all: Vec<Activity> = FORWARD.into_iter().chain(BACK).filter(|one| *one != Activity::Settle).collect();
        assert_eq!(run.started, all);
        assert!(run.aborts.is_empty() && !run.gave_up);
        let phases: Vec<Phase> = all.into_iter().filter_map(Activity::phase).collect();
        assert_eq!(phases, Phase::ALL);
    }

    #[test]
    fn a_hold_does_not_wait_for_faults_that_have_had_their_turns() {
        for activity in [Activity::Outage, Activity::Hold] {
            let mut run = FakeShell::at(activity);
            assert_eq!(run.happens(Event::TurnsEnded(Ok(()))).code(), 0);
            assert!(!run.did(Activity::LastTurns));
        }
    }

    /// What happens, the exit code that it ends in, and how.
    type Stopped = (&'static str, u8, fn(&mut FakeShell));

    /// What ends the way to the fault early, whichever activity it comes in.
    fn stops() -> Vec<Stopped> {
        vec![
            ("a signal or a stop condition", 4, |run| {
                run.signals(1);
            }),
            ("two signals", 4, |run| {
                run.signals(2);
            }),
            ("three signals", 4, |run| {
                run.signals(3);
            }),
            ("a signal at the very end of it", 4, |run| {
                run.signals(1).ends(Ended::Done);
            }),
            ("a failed call", 4, |run| {
                run.ends(Ended::Failed("ec2: no".to_owned()));
            }),
            ("a refusal", 3, |run| {
                run.ends(Ended::Refused(RefusedBy::Gate("not steady".to_owned())));
            }),
            ("preflight's refusal", 3, |run| {
                run.ends(Ended::Refused(RefusedBy::Preflight));
            }),
            ("a panic", 4, |run| {
                run.ends(Ended::Panicked);
            }),
            ("the end of the load", 4, |run| {
                run.happens(Event::LoadEnded);
            }),
            ("a fault that could not end", 4, |run| {
                run.happens(Event::TurnsEnded(Err("fault 1 could not be removed".to_owned())));
            }),
            ("a signal and then a refusal", 4, |run| {
                run.signals(1).ends(Ended::Refused(RefusedBy::Gate("not steady".to_owned())));
            }),
            ("a failed call after the load's end", 4, |run| {
                run.happens(Event::LoadEnded).ends(Ended::Failed("ec2: no".to_owned()));
            }),
        ]
    }

    #[test]
    fn whatever_ends_the_way_to_the_fault_ends_in_the_restore() {
        for activity in FORWARD {
            for (what, code, stop) in stops() {
                let mut run = FakeShell::at(activity);
                stop(&mut run);
                assert_eq!(run.code(), code, "{what} in {activity:?}");
                let next = FORWARD.into_iter().find(|other| *other > activity);
                assert!(next.is_none_or(|next| !run.did(next)), "{what} in {activity:?}: it went on");
                if activity <= Activity::Open {
                    assert!(!run.did(Activity::Restore), "{what}: nothing can have been changed in {activity:?}");
                } else {
                    run.came_back_from(activity);
                }
                // The way back is watched where something was cut, unless somebody is in a hurry.
                let hurry = what.starts_with("two") || what.starts_with("three");
                assert_eq!(run.did(Activity::Failback), activity >= Activity::Cut && !hurry, "{what} in {activity:?}");
                assert_eq!(run.gave_up, what.starts_with("three"), "{what} in {activity:?}");
                assert_eq!(run.aborts.len(), usize::from(code == 4), "{what} in {activity:?}: {:?}", run.aborts);
            }
        }
    }

    #[test]
    fn the_first_reason_counts() {
        let mut run = FakeShell::at(Activity::Outage);
        run.happens(Event::LoadEnded).signals(3);
        assert_eq!(run.code(), 4);
        assert!(
            run.aborts[0].starts_with("the load generator or the observers ended unexpectedly"),
            "{:?}",
            run.aborts
        );
    }

    #[test]
    fn a_signal_on_the_way_back_cuts_short_only_what_is_watched() {
        for activity in BACK {
            for signals in 1..=3 {
                let mut run = FakeShell::at(activity);
                run.signals(signals);
                let hurried = run.interrupted;
                assert_eq!(
                    hurried,
                    (activity, signals) >= (Activity::Failback, 2) && activity == Activity::Failback
                        || (activity, signals) == (Activity::EndLoad, 3),
                    "{signals} in {activity:?}"
                );
                // Figures that were cut short are those of an aborted run; proofs are whole whatever was signalled.
                let code = if activity <= Activity::CleanUsers { 4 } else { 0 };
                assert_eq!(run.code(), code, "{signals} signals in {activity:?}");
                assert_eq!(run.gave_up, signals == 3);
                run.came_back_from(Activity::LastTurns);
            }
        }
    }

    #[test]
    fn what_is_left_is_named_and_keeps_journal_and_lock() {
        for activity in
            [Activity::Failback, Activity::Settle, Activity::CleanUsers, Activity::Compare, Activity::Unlock]
        {
            let mut run = FakeShell::at(activity);
            run.ends(Ended::Left(vec!["subnet-1: denied".to_owned()]));
            assert_eq!(run.code(), 5, "{activity:?}");
            assert_eq!(run.finished, Some(Err(RunFailure::NotRestored("subnet-1: denied".to_owned()))));
            assert!(!run.did(Activity::Close), "{activity:?}: the journal stays open");
            assert_eq!(run.did(Activity::Unlock), activity == Activity::Unlock, "{activity:?}: the lock stays");
            assert!(run.did(Activity::Compare), "{activity:?}: it is looked at all the same");
            assert!(
                activity != Activity::Restore || !run.did(Activity::Failback),
                "nothing comes back while it is cut"
            );
        }
    }

    /// Nothing that a run meets outranks what is left.
    #[test]
    fn what_is_left_outranks_why_the_run_ended() {
        for (what, _, stop) in stops() {
            let mut run = FakeShell::at(Activity::Cut);
            stop(&mut run);
            while run.state.doing != Activity::Restore {
                run.go_on();
            }
            run.ends(Ended::Restored { left: vec!["acl-1".to_owned()], cut: true });
            run.ends(Ended::Left(vec!["acl-1".to_owned()]));
            assert_eq!(run.code(), 5, "{what}");
        }
    }

    #[test]
    fn a_panic_on_the_way_back_loses_nothing() {
        for activity in BACK {
            let mut run = FakeShell::at(activity);
            run.ends(Ended::Panicked);
            let proves = !matches!(activity, Activity::Restore | Activity::EndLoad | Activity::Close);
            assert_eq!(run.code(), if proves { 5 } else { 4 }, "{activity:?}");
            if activity == Activity::Restore {
                let restores = run.started.iter().filter(|one| **one == Activity::Restore).count();
                assert_eq!(restores, 2, "it is begun again");
            }
        }
        let mut run = FakeShell::at(Activity::Restore);
        run.ends(Ended::Panicked).ends(Ended::Panicked);
        assert_eq!(run.code(), 4, "what the look finds undone is undone");
        let mut run = FakeShell::at(Activity::Failback);
        run.ends(Ended::Panicked);
        assert_eq!(run.code(), 5, "without the look nothing is believed");
        assert!(run.did(Activity::Compare) && !run.did(Activity::Unlock));
    }

    #[test]
    fn what_fails_beside_the_way_back_changes_nothing() {
        for activity in BACK {
            for event in [Event::LoadEnded, Event::TurnsEnded(Err("late".to_owned())), Event::TurnsEnded(Ok(()))] {
                let mut run = FakeShell::at(activity);
                assert_eq!(run.happens(event).code(), 0, "{activity:?}");
            }
        }
    }

    #[test]
    fn a_journal_that_cannot_be_closed_is_a_note() {
        let mut run = FakeShell::at(Activity::Close);
        assert_eq!(run.ends(Ended::Failed("no space".to_owned())).code(), 0);
        let mut run = FakeShell::at(Activity::Compare);
        assert_eq!(run.ends(Ended::Failed("ec2 does not answer".to_owned())).code(), 5);
    }
}
