//! The fault matrix: every fault at every request of a scenario that uses every kind of step. After
//! at most one more run without a fault the tenant is as if nothing had happened.
//!
//! What is not run: faults that differ only in whether the request was carried out, on requests
//! that only read; and of faults that look alike to the client, some only on whole HTTP requests and
//! not on each request inside a batch. A mail asked for by a request whose answer is lost may be missing, if it was a
//! reminder or a reset: whether it went out cannot be seen, and twice is worse than never.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use guestlist_planner::load::Config;
use guestlist_sandbox::{Act, Behaviour, Canned, Fault, Received, Sandbox};
use guestlist_tenant::apply::Outcome;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::inside::{Ran, Stops, on_paused_clock, run};
use crate::scenario::{config, differences, essence, guard, mails, tenant};

pub(crate) fn now() -> Timestamp {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

/// Short pages, so that lists have several and are read in parts.
pub(crate) fn behaviour(faults: Vec<Fault>) -> Behaviour {
    Behaviour {
        page_size: Some(6),
        faults,
        ..Behaviour::default()
    }
}

/// Which requests a fault is put on.
#[derive(Clone, Copy, PartialEq)]
enum On {
    Every,
    /// Those that change something, and the batches they are in.
    Writes,
    Reads,
    /// Whole HTTP requests, and not those within a batch.
    Whole,
    /// Those of them that change something.
    WholeWrites,
}

/// A line of the table.
struct Row {
    name: &'static str,
    act: Act,
    on: On,
}

fn table() -> Vec<Row> {
    let row = |name, act, on| Row { name, act, on };
    let empty = || Canned {
        status: 200,
        headers: Vec::new(),
        body: Some(json!({})),
    };
    let answer = |status| Act::Answer(Canned::status(status));
    let but_done = |status| Act::DoThenAnswer(Canned::status(status));
    vec![
        row("reset before", Act::Drop, On::Every),
        row("reset after", Act::Lose, On::Writes),
        row("timeout before", Act::Hang, On::Whole),
        row("timeout after", Act::DoThenHang, On::WholeWrites),
        row("429 that does not say", answer(429), On::Every),
        row("429, 0 s", Act::Answer(Canned::throttled(0)), On::Whole),
        row("429, 7 s", Act::Answer(Canned::throttled(7)), On::Whole),
        row("500", answer(500), On::Whole),
        row("500, but done", but_done(500), On::Writes),
        row("502", answer(502), On::Whole),
        row("502, but done", but_done(502), On::WholeWrites),
        row("503", answer(503), On::Every),
        row("503, but done", but_done(503), On::Writes),
        row("504", answer(504), On::Whole),
        row("504, but done", but_done(504), On::WholeWrites),
        row("400", answer(400), On::Whole),
        row("403", answer(403), On::Whole),
        row("409", answer(409), On::Whole),
        row("412", answer(412), On::Whole),
        row("truncated", Act::Truncate, On::Whole),
        row("a page of a proxy, 200", Act::Html(200), On::Every),
        row("a page of a proxy, 403", Act::Html(403), On::Whole),
        row("a page of a proxy, 503", Act::Html(503), On::Whole),
        row("an empty object", Act::Answer(empty()), On::Reads),
        row(
            "done, an empty object",
            Act::DoThenAnswer(empty()),
            On::Writes,
        ),
        row("stale", Act::Stale, On::Reads),
        row("tokens expire", Act::ExpireTokens, On::Every),
        row("foreign next link", Act::ForeignLink, On::Reads),
    ]
}

/// Returns the requests that one request carries: those of a batch, or itself.
pub(crate) fn carried(request: &Received) -> Vec<(String, String, Value)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let body = request.body.clone().unwrap_or_default();
    match body["requests"].as_array() {
        Some(parts) => parts
            .iter()
            .map(|part| {
                (
                    text(&part["method"]),
                    text(&part["url"]),
                    part["body"].clone(),
                )
            })
            .collect(),
        None => vec![(request.method.clone(), request.path.clone(), body)],
    }
}

pub(crate) fn writes(request: &Received) -> bool {
    carried(request).iter().any(|(method, ..)| method != "GET")
}

/// Returns whether the HTTP request that a request is, or is in, asks for a mail of which nothing
/// shows whether it went out.
pub(crate) fn remails(all: &[Received], request: &Received) -> bool {
    let upto = all.iter().take_while(|one| one.number <= request.number);
    let whole = upto.filter(|one| !one.in_batch).last();
    let resets = |(_, path, body): (String, String, Value)| {
        path == "/invitations" && body["resetRedemption"] == true
    };
    whole.is_some_and(|whole| carried(whole).into_iter().any(resets))
}

impl Row {
    fn fits(&self, request: &Received) -> bool {
        match self.on {
            On::Every => true,
            On::Writes => writes(request),
            On::Reads => !writes(request),
            On::Whole => !request.in_batch,
            On::WholeWrites => !request.in_batch && writes(request),
        }
    }
}

/// What the scenario comes to when nothing is wrong.
pub(crate) struct Reference {
    pub(crate) config: Config,
    pub(crate) requests: Vec<Received>,
    pub(crate) state: BTreeMap<String, Value>,
    pub(crate) mails: BTreeMap<String, usize>,
}

pub(crate) fn reference() -> Reference {
    on_paused_clock(async {
        let (sandbox, config) = (fresh(Vec::new()), config(now()));
        let ran = run(&sandbox, &config, now(), &mut Stops(None))
            .await
            .unwrap();
        assert!(ran.is_complete(), "{:?}", ran.report.outcomes);
        let (requests, state) = (sandbox.requests(), essence(&sandbox, now()));
        let again = run(&sandbox, &config, now(), &mut Stops(None))
            .await
            .unwrap();
        assert!(again.plan.steps.is_empty(), "{:?}", again.plan.steps);
        Reference {
            requests,
            state,
            mails: mails(&sandbox),
            config,
        }
    })
}

pub(crate) fn fresh(faults: Vec<Fault>) -> Sandbox {
    let sandbox = tenant(now());
    guard(&sandbox);
    sandbox.set_clock(Some(now()));
    sandbox.behave(behaviour(faults));
    sandbox
}

/// What the matrix came to.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) cases: AtomicUsize,
    pub(crate) again: AtomicUsize,
    pub(crate) failed: AtomicUsize,
    unread: AtomicUsize,
    lost: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

impl Tally {
    pub(crate) fn add(count: &AtomicUsize, more: usize) {
        count.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn say(&self, wrong: impl IntoIterator<Item = String>) {
        let mut all = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(wrong);
    }

    #[track_caller]
    pub(crate) fn report(self, name: &str) {
        let count = |count: AtomicUsize| count.into_inner();
        println!(
            "{name}: {} cases; {} needed the second run; {} could not be read at first; {} steps failed or were left out; {} mails were lost",
            count(self.cases),
            count(self.again),
            count(self.unread),
            count(self.failed),
            count(self.lost)
        );
        let mut wrong = self
            .wrong
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        wrong.sort();
        assert!(
            wrong.is_empty(),
            "{} wrong\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

/// Runs `case` with every number below `count`, on as many threads as there are processors.
pub(crate) fn spread(count: usize, case: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    case(number);
                }
            });
        }
    });
}

/// Counts a first run; returns whether a second one is needed.
pub(crate) fn takes_another(tally: &Tally, ran: &Result<Ran, guestlist_tenant::Error>) -> bool {
    let Ok(ran) = ran else {
        Tally::add(&tally.unread, 1);
        return true;
    };
    let undone = ran.report.outcomes.iter();
    let undone = undone
        .filter(|(_, outcome)| *outcome != Outcome::Done)
        .count();
    Tally::add(&tally.failed, undone);
    !ran.is_complete()
}

#[test]
fn promise_5_every_fault_at_every_request_ends_as_if_nothing_had_happened() {
    let (reference, rows, tally) = (reference(), table(), Tally::default());
    let mut cases = Vec::new();
    for row in &rows {
        let fits = reference
            .requests
            .iter()
            .filter(|request| row.fits(request));
        cases.extend(fits.map(|request| (row, request)));
    }
    spread(cases.len(), |number| {
        let (row, request) = cases[number];
        let name = format!(
            "{} at {}: {} {}",
            row.name, request.number, request.method, request.path
        );
        on_paused_clock(async {
            let sandbox = fresh(vec![Fault::at(request.number, row.act.clone())]);
            let ran = run(&sandbox, &reference.config, now(), &mut Stops(None)).await;
            Tally::add(&tally.cases, 1);
            if takes_another(&tally, &ran) {
                Tally::add(&tally.again, 1);
                sandbox.behave(behaviour(Vec::new()));
                match run(&sandbox, &reference.config, now(), &mut Stops(None)).await {
                    Ok(ran) if ran.is_complete() => {}
                    Ok(ran) => tally.say([format!("{name}\n    second run: {:?}", undone(&ran))]),
                    Err(error) => tally.say([format!("{name}\n    second run: {error}")]),
                }
            }
            let mut found = essence(&sandbox, now());
            let mut expected = reference.state.clone();
            if remails(&reference.requests, request) {
                // Asking again leaves its mark afterwards; who waits for consent needs none.
                unmark(&mut found);
                unmark(&mut expected);
            }
            let wrong = differences(&expected, &found);
            tally.say(wrong.into_iter().map(|line| format!("{name}\n    {line}")));
            let lost = remails(&reference.requests, request);
            check_mails(&tally, &reference.mails, &name, lost, &sandbox);
        });
    });
    tally.report("faults × requests");
}

pub(crate) fn undone(ran: &Ran) -> Vec<String> {
    let undone = ran
        .report
        .outcomes
        .iter()
        .filter(|(_, outcome)| *outcome != Outcome::Done);
    undone
        .map(|(step, outcome)| format!("{}: {outcome:?}", step.address))
        .collect()
}

pub(crate) fn unmark(state: &mut BTreeMap<String, Value>) {
    if let Some(Value::Array(stamp)) = state
        .get_mut("live consent@contoso.example")
        .map(|guest| guest["stamp"].take())
    {
        let stamp: Vec<_> = stamp.into_iter().filter(|word| word != "reset").collect();
        state.get_mut("live consent@contoso.example").unwrap()["stamp"] = json!(stamp);
    }
}

/// No mail more than without a fault, and none less but for those that may be lost.
pub(crate) fn check_mails(
    tally: &Tally,
    expected: &BTreeMap<String, usize>,
    name: &str,
    may_be_lost: bool,
    sandbox: &Sandbox,
) {
    let found = mails(sandbox);
    for (mail, count) in &found {
        let allowed = expected.get(mail).copied().unwrap_or_default();
        if *count > allowed {
            tally.say([format!("{name}\n    {count} × {mail}")]);
        }
    }
    for mail in expected.keys().filter(|mail| !found.contains_key(*mail)) {
        if may_be_lost && mail.starts_with("reset") {
            Tally::add(&tally.lost, 1);
        } else {
            tally.say([format!("{name}\n    no {mail}")]);
        }
    }
}
