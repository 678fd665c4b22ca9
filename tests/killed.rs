//! Stopped dead: the real program is killed (SIGKILL) while a request of the scenario with every kind
//! of step is under way, once with the request not carried out and once with it done. It runs again,
//! and the tenant is as if nothing had happened.
//!
//! What is not run is what looks the same from outside: a read that was done is as one that was not,
//! and within a batch, stopped with a request done is stopped before the next one.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use guestlist_sandbox::{Act, Behaviour, Fault, Received};
use jiff::{SignedDuration, Timestamp};

use crate::faults::{Reference, Tally, check_mails, remails, spread, unmark, writes};
use crate::harness::{Repository, Tenant};
use crate::scenario::{config, differences, essence, files, mails, tenant};

/// What a run that was killed sent is looked for as long as the tenant may take to show it.
pub(crate) const APPLY: [&str; 8] = [
    "apply",
    "--yes",
    "--settle",
    "2",
    "--allow-removals",
    "99",
    "--allow-expiries",
    "99",
];

/// A few seconds ago: the tenant's clock is the real one.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now() - SignedDuration::from_secs(5);
    Timestamp::from_second(now.as_second()).unwrap()
}

pub(crate) fn repository(now: Timestamp) -> Repository {
    let files = files(now);
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    Repository::new(&files)
}

pub(crate) fn behaviour(faults: Vec<Fault>) -> Behaviour {
    Behaviour {
        faults,
        ..Behaviour::default()
    }
}

/// Waits until the tenant has received a request, or the program has ended without it.
pub(crate) fn wait_for(tenant: &Tenant, number: usize, child: &mut Child) -> Option<Received> {
    let start = Instant::now();
    loop {
        let requests = tenant.sandbox.requests();
        if let Some(request) = requests
            .into_iter()
            .find(|request| request.number == number)
        {
            return Some(request);
        }
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "request {number} never comes"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Returns what `show` says of the only journal.
pub(crate) fn shown(tenant: &Tenant, repository: &Repository) -> String {
    let mut journals = std::fs::read_dir(repository.path().join(".guestlist/journal")).unwrap();
    let path = journals.next().unwrap().unwrap().path();
    assert!(journals.next().is_none());
    tenant
        .run(repository, &["show", path.to_str().unwrap()])
        .ends(0)
        .stdout
}

#[test]
fn promise_5_killed_at_any_request_and_run_again_ends_as_if_nothing_had_happened() {
    let now = now();
    let reference = {
        let tenant = Tenant::serve(tenant(now));
        tenant.sandbox.behave(behaviour(Vec::new()));
        let repository = repository(now);
        tenant.run(&repository, &APPLY).ends(0);
        let requests = tenant.sandbox.requests();
        Reference {
            config: config(now),
            requests: requests
                .into_iter()
                .filter(|request| request.number > 0)
                .collect(),
            state: essence(&tenant.sandbox, now),
            mails: mails(&tenant.sandbox),
        }
    };
    let mut cases = Vec::new();
    for request in &reference.requests {
        let batch = request.path.starts_with("/$batch");
        match writes(request) {
            false => cases.push((request, Act::Hang)),
            true => {
                cases.extend((!batch).then_some((request, Act::Hang)));
                cases.extend((!request.in_batch).then_some((request, Act::DoThenHang)));
            }
        }
    }
    let tally = Tally::default();
    spread(cases.len(), |number| {
        let (request, act) = &cases[number];
        let name = format!(
            "{act:?} at {}: {} {}",
            request.number, request.method, request.path
        );
        let wrong = |what: String| tally.say([format!("{name}\n    {what}")]);
        let (tenant, repository) = (Tenant::serve(tenant(now)), repository(now));
        tenant
            .sandbox
            .behave(behaviour(vec![Fault::at(request.number, act.clone())]));
        let mut command = tenant.command(&repository, &APPLY);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let met = wait_for(&tenant, request.number, &mut child);
        // Dead already, if the request never came.
        let _ = child.kill();
        child.wait().unwrap();
        Tally::add(&tally.cases, 1);
        let Some(met) = met else {
            return wrong("ended without this request".to_owned());
        };
        if writes(&met) {
            let told = shown(&tenant, &repository);
            let named = format!(
                "{} {} → the run ended before its answer",
                met.method, met.path
            );
            let alone = met.path.starts_with("/$batch") || told.contains(&named);
            if !alone || !told.contains("in doubt  ") || told.contains(" 0 in doubt.") {
                wrong(format!("the journal says\n{told}"));
            }
        }
        let all = tenant.sandbox.requests();
        tenant.sandbox.behave(behaviour(Vec::new()));
        let again = tenant.run(&repository, &APPLY);
        if again.code != 0 {
            wrong(format!(
                "second run: {}\n{}{}",
                again.code, again.stdout, again.stderr
            ));
        }
        let (mut expected, mut found) = (reference.state.clone(), essence(&tenant.sandbox, now));
        let all: Vec<_> = all.into_iter().filter(|one| one.number > 0).collect();
        if remails(&all, &met) {
            unmark(&mut found);
            unmark(&mut expected);
        }
        differences(&expected, &found).into_iter().for_each(wrong);
        check_mails(
            &tally,
            &reference.mails,
            &name,
            remails(&all, &met),
            &tenant.sandbox,
        );
    });
    tally.report("killed × requests");
}
