//! For random failovers of known truth, watched at random periods, the truth lies inside every interval.

mod synthetic;

use gameday_core::measure::{BeforeCut, DnsParty, Interval, Verdict};
use gameday_core::model::{DnsSource, Event, Login, LoginOutcome, LoginStep, Milestone, Record, RegionRole, Window};
use proptest::prelude::*;
use serde_json::json;
use synthetic::{World, at, outcome, with_objectives};

fn world() -> impl Strategy<Value = World> {
    let pace = (0.2_f64..2.0, 0.02_f64..0.6, 0.1_f64..1.0, 0.1_f64..8.0);
    let pause = prop_oneof![Just(0.0), 0.0_f64..0.5];
    let gaps = (5.0_f64..40.0, 0.1_f64..3.0, 0.1_f64..60.0, 0.0_f64..5.0, 10.0_f64..30.0, 5.0_f64..40.0, 0.1_f64..60.0);
    let fronts = prop::collection::vec((0.05_f64..0.5, 0.005_f64..0.3), 1..4);
    let servers = prop::collection::vec(0.0_f64..2.0, 1..4);
    let resolvers = prop::collection::vec(0.0_f64..5.0, 1..3);
    ((any::<u64>(), pause), pace, gaps, fronts, servers, resolvers).prop_map(
        |((seed, pause), (period, busy, gap, lag), gaps, fronts, servers, resolvers)| {
            let unhealthy = 0.6 + gaps.0;
            let flip = unhealthy + gaps.1;
            let resolved = flip + gaps.2;
            let switched = resolved + gaps.3;
            // Long enough for the sustained figure, and for every observer to see the flips.
            let heal = switched + 10.0 + gaps.4 + 20.0 * gap;
            let healthy = heal + 1.0 + gaps.5;
            let back = healthy + gaps.1 + gaps.6;
            World {
                seed,
                cut: fronts.iter().map(|(cut, _)| *cut).collect(),
                reverted: fronts.iter().enumerate().map(|(i, (_, took))| heal + 0.01 * i as f64 + took).collect(),
                unhealthy,
                authoritative: servers.iter().map(|late| flip + late).collect(),
                resolvers: resolvers.iter().map(|late| resolved + late).collect(),
                switched,
                heal,
                healthy,
                authoritative_back: servers.iter().map(|late| healthy + gaps.1 + late).collect(),
                back,
                end: back + 15.0,
                period,
                // The share of the time in which a request is under way: the more, the more a bound on its wrong end shows.
                request: period * busy,
                pause: pause * period,
                gap,
                lag,
                asked: true,
                broken_claim: None,
                stopped: None,
                faults: None,
            }
        },
    )
}

/// The same, where each address has a fault of its own: they begin one after the other, and some end by themselves while others stand.
fn several_faults() -> impl Strategy<Value = World> {
    let spans = prop::collection::vec((0.0_f64..30.0, prop::option::of(0.0_f64..60.0)), 4);
    (world(), spans, 0_usize..4).prop_map(|(mut world, spans, standing)| {
        let (first, standing) = (spans[0].0, standing % world.cut.len());
        let mut faults = Vec::new();
        for (index, (from, long)) in spans.iter().take(world.cut.len()).enumerate() {
            let from = if index == 0 { 0.0 } else { (from - first).max(0.0) };
            world.cut[index] += from;
            // Long enough for a probe to see it, whose first packet is sent again after a second.
            let least = world.cut[index] + 2.0 * world.period + 2.0 * world.longest_request() + world.pause + 1.5;
            let early = long.map(|long| least + long).filter(|end| index != standing && end + 5.0 < world.heal);
            if let Some(end) = early {
                world.reverted[index] = end + 0.05;
            }
            faults.push((from, early));
        }
        world.faults = Some(faults);
        world
    })
}

/// The same, by a runner that is stopped for a while, in the outage or after the heal.
fn stopped() -> impl Strategy<Value = World> {
    (world(), 0.0_f64..1.0, 0.2_f64..40.0, any::<bool>()).prop_map(|(world, part, long, healed)| {
        let (first, last) = if healed { (world.heal + 2.0, world.end - 1.0) } else { (1.0, world.heal - 0.6) };
        let from = first + part * (last - first);
        World { stopped: Some((from, (from + long).min(last))), ..world }
    })
}

/// What a look before the cut saw, by the milestone whose state it was.
fn so_before(mut records: Vec<Record>, milestone: Milestone) -> Vec<Record> {
    let zero = at(0.0);
    let before = |window: &Window| window.received <= zero;
    for record in &mut records {
        match &mut record.event {
            Event::Health { window, healthy, status_healthy, .. }
                if milestone == Milestone::HealthCheckUnhealthy && before(window) =>
            {
                (*healthy, *status_healthy) = (0, false);
            }
            Event::Answer { window, source, role, .. } if before(window) => {
                let so = match milestone {
                    Milestone::DnsFlipAuthoritative => *source == DnsSource::Authoritative,
                    Milestone::DnsFlipResolver => *source == DnsSource::Resolver,
                    _ => false,
                };
                *role = if so { Some(RegionRole::Replica) } else { *role };
            }
            Event::Path { window, open, .. } if milestone == Milestone::FaultEffective && before(window) => {
                *open = false;
            }
            Event::Login(login) if login.ended <= zero => match milestone {
                Milestone::FirstReplicaLogin => {
                    (login.role, login.region) = (Some(RegionRole::Replica), Some("us-west-2".into()));
                }
                Milestone::FirstFailedLogin => login.outcome = LoginOutcome::ConnectTimeout,
                _ => {}
            },
            _ => {}
        }
    }
    records
}

/// The observer's period and one request's time; for logins, the gap between two and one login's time; for the heal
/// also the call that heals; for path probes also the pause before their packet left, where the runner pauses.
fn widest(world: &World, milestone: Milestone) -> f64 {
    let (request, polled) = (world.longest_request(), world.period + world.longest_request());
    let login = 4.0 * request;
    match milestone {
        Milestone::FirstFailedLogin => 0.0,
        // Every second login asks for its way afresh; the others' are cohorts of their own.
        Milestone::FirstReplicaLogin | Milestone::FirstPrimaryLoginAfterFailback => 2.0 * world.gap + login + 0.001,
        Milestone::ReplicaSustained => world.gap + login,
        Milestone::FaultEffective => polled + world.pause,
        Milestone::FaultReverted => polled + world.pause + 0.33,
        _ => polled,
    }
}

/// Event times are rounded to nanoseconds; the truth is not. In seconds.
const NOISE: f64 = 1e-6;

fn holds(bounds: Interval, truth: f64, noise: f64) -> bool {
    bounds.lower <= truth + noise && truth <= bounds.upper + noise
}

/// The same failover, watched more often by requests that take less time, is known better: every polled milestone, and the RPO.
#[test]
fn bounds_shrink_with_the_poll_period() {
    let polled = [
        Milestone::FaultEffective,
        Milestone::HealthCheckUnhealthy,
        Milestone::DnsFlipAuthoritative,
        Milestone::DnsFlipResolver,
        Milestone::FaultReverted,
        Milestone::HealthCheckHealthy,
        Milestone::DnsFailbackAuthoritative,
    ];
    // The mean over seeds: by chance a poll may fall on the moment itself.
    let seeds = 12;
    let widths = |period: f64| {
        let mut sums = vec![0.0; polled.len() + 1];
        for seed in 0..seeds {
            let outcome = outcome(&World { seed, period, request: period / 10.0, ..World::sample() }.run().0).unwrap();
            for (sum, milestone) in sums.iter_mut().zip(polled) {
                *sum += outcome.milestone(milestone).unwrap().width() / seeds as f64;
            }
            let rpo = outcome.rpo.unwrap();
            *sums.last_mut().unwrap() += (rpo.upper_s.unwrap() - rpo.lower_s) / seeds as f64;
        }
        sums
    };
    let runs = [2.0, 1.0, 0.5, 0.25].map(widths);
    for pair in runs.windows(2) {
        for (index, (wide, narrow)) in pair[0].iter().zip(&pair[1]).enumerate() {
            assert!(narrow < wide, "{index}: {narrow} is not below {wide}");
        }
    }
}

/// The interval of the blackhole must not count on a packet leaving when its probe was stamped.
#[test]
fn a_runner_that_pauses_before_its_packet_leaves_claims_no_blackhole_too_early() {
    for seed in 0..60 {
        let world = World { seed, pause: 0.3, ..World::sample() };
        let (records, truth) = world.run();
        let at = outcome(&records).unwrap().milestone(Milestone::FaultEffective).unwrap();
        let truth = truth.milestones[&Milestone::FaultEffective];
        assert!(at.lower <= truth + NOISE && truth <= at.upper + NOISE, "seed {seed}: {truth} outside {at:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_truth_lies_in_every_interval(world in world()) {
        let (records, truth) = world.run();
        let outcome = outcome(&records).unwrap();
        for milestone in Milestone::ALL {
            let at = outcome.milestone(milestone);
            let at = at.ok_or_else(|| TestCaseError::fail(format!("{milestone:?} not reached")))?;
            let truth = truth.milestones[&milestone];
            prop_assert!(
                at.lower <= truth + NOISE && truth <= at.upper + NOISE,
                "{milestone:?}: {truth} outside {at:?}"
            );
            prop_assert!(at.width() <= widest(&world, milestone) + NOISE, "{milestone:?}: {at:?} is too wide");
        }
        let rpo = outcome.rpo.unwrap();
        let oldest = truth.oldest_lost_s;
        prop_assert!(rpo.lower_s <= oldest + NOISE, "{rpo:?} above {oldest}");
        prop_assert!(rpo.upper_s.is_none_or(|upper| oldest <= upper + NOISE), "{rpo:?} below {oldest}");
        prop_assert!(rpo.writes_lost.unwrap_or(0) <= truth.lost);
        if let Some(age) = rpo.newest_lost_age {
            let newest = truth.newest_lost_s;
            prop_assert!(newest.is_some_and(|newest| holds(age, newest, NOISE)), "{age:?} without {newest:?}");
        }
    }

    /// A rule of AWS WAF is in force some time after its call, and some time after the call that takes it away: users' attempts bound both.
    #[test]
    fn a_rule_of_waf_is_in_force_from_and_to_within_its_bounds(
        world in world(), begins in 0.1_f64..20.0, ends in 0.1_f64..5.0, asked in 0.0_f64..1.0,
    ) {
        let (mut records, _) = world.run();
        let (from, to) = (at(begins), at(world.heal + ends));
        records.retain(|record| !matches!(record.event, Event::Path { .. }));
        for record in &mut records {
            match &mut record.event {
                Event::Mutation(mutation) => (mutation.call, mutation.ipv4) = ("wafv2:AssociateWebACL".to_owned(), false),
                Event::Login(login) => {
                    let inspected = login.started + login.ended.duration_since(login.started).mul_f64(asked);
                    login.outcome = if inspected >= from && inspected < to {
                        LoginOutcome::Rejected { step: LoginStep::InitiateAuth, code: "ForbiddenException".to_owned() }
                    } else {
                        LoginOutcome::Succeeded
                    };
                    (login.role, login.region) = (Some(RegionRole::Primary), Some("us-east-1".into()));
                }
                _ => {}
            }
        }
        let outcome = outcome(&records).unwrap();
        for (milestone, truth) in [(Milestone::FaultEffective, begins), (Milestone::FaultReverted, world.heal + ends)] {
            let at = outcome.milestone(milestone);
            let at = at.ok_or_else(|| TestCaseError::fail(format!("{milestone:?} not reached")))?;
            prop_assert!(holds(at, truth, NOISE), "{milestone:?}: {truth} outside {at:?}");
        }
    }

    /// B3: an outage of several faults lasts until the last of them is healed, and none hides another's milestones.
    #[test]
    fn b3_several_faults_with_spans_of_their_own_hide_no_milestone(world in several_faults()) {
        let (records, truth) = world.run();
        let outcome = outcome(&records).unwrap();
        for milestone in Milestone::ALL {
            let at = outcome.milestone(milestone);
            let at = at.ok_or_else(|| TestCaseError::fail(format!("{milestone:?} not reached: {:?}", world.faults)))?;
            let truth = truth.milestones[&milestone];
            prop_assert!(holds(at, truth, NOISE), "{milestone:?}: {truth} outside {at:?}, {:?}", world.faults);
        }
    }

    /// C06: an address that nobody knows, beside one that is known or alone, hides no milestone, and is named.
    #[test]
    fn c06_an_unknown_address_hides_no_milestone(world in world(), alone in 0.0_f64..0.5) {
        let (mut records, truth) = world.run();
        let stranger: std::net::IpAddr = "192.0.2.77".parse().unwrap();
        let mut draws = gameday_core::model::Seed(world.seed).stream("strangers");
        for record in &mut records {
            if let Event::Answer { addresses, role, unknown, .. } = &mut record.event {
                unknown.push(stranger);
                if rand::RngExt::random_bool(&mut draws, alone) {
                    // Nothing else was in this answer.
                    (*addresses, *role) = (vec![stranger], None);
                } else {
                    addresses.push(stranger);
                }
            }
        }
        let outcome = outcome(&records).unwrap();
        for milestone in Milestone::ALL {
            let at = outcome.milestone(milestone);
            let at = at.ok_or_else(|| TestCaseError::fail(format!("{milestone:?} not reached")))?;
            prop_assert!(holds(at, truth.milestones[&milestone], NOISE), "{milestone:?} outside {at:?}");
        }
        let named = outcome.anomalies.iter().any(|anomaly| anomaly.code == "unknown_address" && anomaly.text.contains("192.0.2.77"));
        prop_assert!(named, "{:?}", outcome.anomalies);
    }

    /// B8: records stand in the log as their answers came, or in any other order: what was asked when decides.
    #[test]
    fn b8_answers_that_come_out_of_order_change_no_milestone(world in world(), seed in any::<u64>()) {
        let (mut records, _) = world.run();
        let before = outcome(&records).unwrap();
        let observed = |record: &Record| {
            matches!(record.event, Event::Health { .. } | Event::Answer { .. } | Event::Path { .. } | Event::CanaryRead { .. })
        };
        // Each observer's records in another order, at the places that they have.
        let places: Vec<usize> = (0..records.len()).filter(|index| observed(&records[*index])).collect();
        let mut rng = gameday_core::model::Seed(seed).stream("order");
        for (n, place) in places.iter().enumerate() {
            let other = places[n + rand::RngExt::random_range(&mut rng, 0..(places.len() - n).min(20))];
            let (a, b) = (records[*place].event.clone(), records[other].event.clone());
            (records[*place].event, records[other].event) = (b, a);
        }
        let after = outcome(&records).unwrap();
        prop_assert_eq!(before.milestones, after.milestones);
        prop_assert_eq!(before.rpo, after.rpo);
    }

    /// Neither a stopped runner nor logins that start late put the truth out of any bounds, and no verdict says what is not so.
    #[test]
    fn a_runner_that_stands_still_claims_nothing_false(world in stopped(), target_ms in 1_u64..200_000) {
        let (records, truth) = world.run();
        let metrics = ["detection", "rto", "sustained_rto", "failback"];
        let objectives: Vec<_> =
            metrics.iter().map(|metric| json!({ "metric": metric, "at_most": format!("{target_ms}ms") })).collect();
        let outcome = outcome(&with_objectives(records, &objectives.into())).unwrap();
        for milestone in Milestone::ALL {
            let Some(at) = outcome.milestone(milestone) else { continue };
            let truth = truth.milestones[&milestone];
            prop_assert!(holds(at, truth, NOISE), "{milestone:?}: {truth} outside {at:?}, stopped {:?}", world.stopped);
        }
        for duration in &outcome.durations {
            let took = truth.milestones[&duration.to] - truth.milestones[&duration.from];
            prop_assert!(duration.took.is_none_or(|bounds| holds(bounds, took.max(0.0), NOISE)), "{duration:?}: {took}");
        }
        let target = target_ms as f64 / 1000.0;
        for (objective, name) in outcome.objectives.iter().zip(metrics) {
            let duration = outcome.durations.iter().find(|duration| duration.name == name).unwrap();
            let took = (truth.milestones[&duration.to] - truth.milestones[&duration.from]).max(0.0);
            match objective.verdict {
                Verdict::Met => prop_assert!(took <= target + NOISE, "{objective:?}: {took}"),
                Verdict::Missed => prop_assert!(took > target - NOISE, "{objective:?}: {took}"),
                Verdict::Inconclusive => {}
            }
        }
        let (from, to) = world.stopped.unwrap();
        let missed = outcome.missed.is_some_and(|missed| missed.longest_s >= to - from - NOISE);
        prop_assert!(missed && outcome.anomalies.iter().any(|anomaly| anomaly.code == "runner_stalled"));
    }

    /// A milestone whose state was there before the cut is no milestone of the fault, and decides nothing.
    #[test]
    fn what_was_so_before_the_cut_is_not_reached_by_it(world in world(), which in 0_usize..6) {
        let milestone = Milestone::ALL[which];
        let outcome = outcome(&so_before(world.run().0, milestone)).unwrap();
        let reached = outcome.milestones.iter().find(|reached| reached.milestone == milestone).unwrap();
        prop_assert_eq!((reached.at, reached.before), (None, BeforeCut::Already));
        let rests_on = |name: &str| match milestone {
            Milestone::FaultEffective => matches!(name, "detection" | "rto" | "sustained_rto" | "rpo"),
            Milestone::HealthCheckUnhealthy => name == "detection",
            Milestone::FirstReplicaLogin => matches!(name, "rto" | "failback"),
            _ => false,
        };
        for objective in outcome.objectives.iter().filter(|objective| rests_on(&objective.name)) {
            prop_assert_eq!(objective.verdict, Verdict::Inconclusive);
            let reason = objective.reason.as_deref().unwrap_or_default();
            prop_assert!(reason.ends_with("was already so before the fault"), "{objective:?}");
            prop_assert_eq!(outcome.exit_code, Some(1));
        }
    }

    #[test]
    fn times_between_milestones_and_the_waterfall_hold_the_truth(world in world()) {
        let (records, truth) = world.run();
        let outcome = outcome(&records).unwrap();
        for duration in &outcome.durations {
            let took = truth.milestones[&duration.to] - truth.milestones[&duration.from];
            prop_assert!(duration.took.is_some_and(|bounds| holds(bounds, took.max(0.0), NOISE)), "{duration:?}: {took}");
        }
        let bars = &outcome.chain.waterfall;
        for bar in bars {
            prop_assert!(holds(bar.cost, truth.milestones[&bar.to] - truth.milestones[&bar.from], NOISE), "{bar:?}");
        }
        prop_assert!(bars.windows(2).all(|pair| (pair[0].end_s - pair[1].start_s).abs() < NOISE));
        let sum: f64 = bars.iter().map(|bar| bar.end_s - bar.start_s).sum();
        prop_assert!((sum - outcome.chain.total.unwrap().middle()).abs() < NOISE);
    }

    #[test]
    fn the_way_of_a_change_to_each_server_and_cohort_holds_the_truth(world in world()) {
        let outcome = outcome(&world.run().0).unwrap();
        let number = |name: &str| name.trim_start_matches(char::is_alphabetic).parse::<usize>().unwrap();
        let request = world.longest_request();
        for place in &outcome.propagation {
            // A login starts a millisecond after the instant by which the world sends it, and its cohort has every second arrival.
            let (to_replica, to_primary, late, widest) = match place.place {
                DnsParty::Authoritative => {
                    let index = number(&place.name);
                    (world.authoritative[index], world.authoritative_back[index], 0.0, world.period + request)
                }
                DnsParty::Resolver => (world.resolvers[number(&place.name)], world.back, 0.0, world.period + request),
                DnsParty::Cohort => (world.switched, world.back, 0.001, 2.0 * world.gap + 4.0 * request),
            };
            for (bounds, truth) in [(place.to_replica, to_replica), (place.to_primary, to_primary)] {
                let Some(bounds) = bounds else { return Err(TestCaseError::fail(format!("{place:?}"))) };
                prop_assert!(holds(bounds, truth, NOISE + late), "{place:?}: {truth}");
                prop_assert!(bounds.width() <= widest + NOISE, "{place:?} is too wide");
            }
            let after = to_replica - world.authoritative.iter().copied().fold(0.0, f64::max);
            prop_assert!(place.after_flip.is_none_or(|bounds| holds(bounds, after, NOISE + late)), "{place:?}: {after}");
        }
        let places = world.authoritative.len() + world.resolvers.len() + 2;
        prop_assert_eq!(outcome.propagation.len(), places);
    }

    /// Nobody gets in from the cut to the moment from which everybody does at the replica.
    #[test]
    fn what_users_lost_lies_between_its_bounds(world in world()) {
        let (records, _) = world.run();
        let availability = outcome(&records).unwrap().availability.unwrap();
        // A login that was scheduled just before the cut may fail, as long as one takes.
        let cut = world.cut.iter().copied().fold(f64::MAX, f64::min);
        let (least, most) = (world.switched - cut, world.switched - (cut - 4.0 * world.longest_request()).max(0.0));
        let bounds = availability.unavailable_s;
        prop_assert!(bounds.lower <= most + NOISE && least <= bounds.upper + NOISE, "{bounds:?}: {least} to {most}");
        let failed = || {
            records.iter().filter_map(|record| match &record.event {
                Event::Login(login) if login.outcome == LoginOutcome::ConnectTimeout => {
                    Some(login.scheduled.duration_since(at(0.0)).as_secs_f64())
                }
                _ => None,
            })
        };
        let minutes = |from: f64| failed().filter(|at| *at >= from).map(|at| (world.switched - at) / 60.0).sum::<f64>();
        let lost = availability.user_minutes;
        prop_assert_eq!(lost.users as usize, failed().count());
        prop_assert!(lost.lower <= minutes(f64::MIN) + NOISE, "{lost:?}");
        prop_assert!(lost.upper.is_some_and(|upper| upper >= minutes(cut) - NOISE), "{lost:?}: {}", minutes(cut));
        let all: u64 = availability.windows.iter().map(|window| window.attempted).sum();
        for window in &availability.windows {
            let counts = window.by_region.values().fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
            prop_assert_eq!(counts, (window.attempted, window.succeeded));
        }
        let logins = records.iter().filter(|record| matches!(record.event, Event::Login(_))).count();
        prop_assert_eq!(all as usize, logins);
    }

    /// Everybody is served from one moment on, so every share of every cohort is back then.
    #[test]
    fn the_moment_from_which_users_get_in_lies_in_every_interval(world in world()) {
        let (records, _) = world.run();
        let recovery = outcome(&records).unwrap().recovery.unwrap();
        let took = |login: &Login| login.ended.duration_since(login.scheduled).as_secs_f64();
        let good = || {
            records.iter().filter_map(|record| match &record.event {
                Event::Login(login) if login.outcome == LoginOutcome::Succeeded => Some(login),
                _ => None,
            })
        };
        // A login under way at the heal counts for neither side while others took as long. One that is slower than all that ended by
        // then looks like one that hangs, and by chance the slowest of all may be under way just then.
        let heal = at(world.heal);
        let longest = good().filter(|login| login.ended <= heal).map(|login| took(login)).fold(0.0, f64::max);
        let age = |login: &Login| heal.duration_since(login.scheduled).as_secs_f64();
        prop_assume!(!good().any(|login| login.scheduled < heal && login.ended > heal && age(login) >= longest - NOISE));
        let groups = recovery.by_cohort.values().chain(recovery.by_flow.values());
        for (curve, gap) in groups.map(|curve| (curve, 4.0 * world.gap)).chain([(&recovery.all, world.gap)]) {
            prop_assert!(curve.steady.is_some_and(|steady| steady > 0.9));
            prop_assert_eq!(curve.recovered.len(), 4);
            for back in &curve.recovered {
                // A cohort that nobody of tried while nobody could get in was never fewer.
                let tried = |from: f64, to: f64| {
                    let window = |w: &&gameday_core::measure::RecoveryWindow| w.from_s + recovery.window_s > from && w.from_s < to;
                    curve.windows.iter().filter(window).any(|w| w.succeeded < w.attempted)
                };
                let Some(at) = back.at else {
                    prop_assert!(back.percent > 90 && (1..29).contains(&back.logins), "{back:?}");
                    continue;
                };
                if back.never_fewer() {
                    prop_assert!(back.percent < 100 || !tried(0.5, world.switched));
                    continue;
                }
                // Too few logins before the heal tell nothing of that time.
                let whole =
                    |w: &&gameday_core::measure::RecoveryWindow| w.from_s >= world.switched && w.from_s + recovery.window_s <= world.heal - longest;
                let until_heal: u64 = curve.windows.iter().filter(whole).map(|w| w.attempted).sum();
                let few = until_heal < if back.percent > 90 { 29 } else { 5 };
                prop_assert!(!back.after_restore || few, "{back:?}");
                let truth = if back.after_restore { world.heal } else { world.switched };
                // By when it was due; a login starts a millisecond later, by which the world sends it.
                prop_assert!(holds(at, truth, NOISE + 0.001), "{back:?}");
                // From a gap before the oldest of those to a gap after the heal.
                let gap = if back.after_restore { 2.0 * gap + longest } else { gap };
                prop_assert!(at.width() <= gap + NOISE, "{back:?} is too wide");
            }
        }
    }

    #[test]
    fn verdicts_are_monotonic_in_the_target(world in world(), targets in prop::collection::vec(1_u64..200_000, 6)) {
        let (records, _) = world.run();
        let mut targets = targets;
        targets.sort_unstable();
        for metric in ["detection", "rto", "sustained_rto", "rpo", "failback"] {
            let objectives: Vec<_> =
                targets.iter().map(|ms| json!({ "metric": metric, "at_most": format!("{ms}ms") })).collect();
            let outcome = outcome(&with_objectives(records.clone(), &objectives.into())).unwrap();
            let rank = |verdict| match verdict {
                Verdict::Missed => 0,
                Verdict::Inconclusive => 1,
                Verdict::Met => 2,
            };
            let ranks: Vec<u8> = outcome.objectives.iter().map(|objective| rank(objective.verdict)).collect();
            prop_assert!(ranks.is_sorted(), "{metric}: {:?}", outcome.objectives);
        }
    }

    /// Nothing that a person reads has more than three decimals.
    #[test]
    fn no_report_is_more_exact_than_a_person_reads(world in world()) {
        let outcome = outcome(&world.run().0).unwrap();
        for (name, bytes) in gameday_core::report::reports(&outcome) {
            if name != "report.md" && name != "report.html" && name != "junit.xml" {
                continue;
            }
            let text = String::from_utf8(bytes).unwrap();
            let decimals = |(at, _): (usize, &str)| text[at + 1..].chars().take_while(char::is_ascii_digit).count();
            let most = text.match_indices('.').map(decimals).max();
            prop_assert!(most <= Some(3), "{name}: {most:?} decimals");
        }
    }

    #[test]
    fn a_log_that_breaks_off_anywhere_still_gives_every_report(world in world(), part in 0.0_f64..1.0) {
        let (mut records, _) = world.run();
        records.truncate(1 + ((records.len() - 2) as f64 * part) as usize);
        let outcome = outcome(&records).unwrap();
        prop_assert_eq!(outcome.exit_code, None);
        prop_assert!(!outcome.complete());
        prop_assert_eq!(gameday_core::report::reports(&outcome).len(), 7);
    }
}
