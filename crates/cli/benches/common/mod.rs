//! What both benchmarks share: running the command and seeing what it cost, and making up guests.

use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// The argument that makes this program run another one and say what that cost.
const MEASURE: &str = "--measure";

/// What a command cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// From start to end.
    pub(crate) seconds: f64,
    /// Of all its threads.
    pub(crate) cpu: f64,
    /// The most memory that it held at one time (peak RSS).
    pub(crate) megabytes: f64,
}

/// Runs `command` to its end, which is to be this exit code.
///
/// The system adds up what children cost and keeps the highest peak, their parent's own memory
/// included. So a fresh, small copy of this program runs each command as its only child.
pub(crate) fn measure(command: &Command, expected: i32) -> Cost {
    let mut measured = Command::new(std::env::current_exe().expect("this program has a path"));
    measured
        .arg(MEASURE)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let output = measured.output().expect("this program runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text
        .split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect();
    let [code, seconds, cpu, megabytes] = numbers[..] else {
        panic!("the command could not be measured: {text}");
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(code as i32 == expected, "exit code {code}:\n{said}");
    Cost {
        seconds,
        cpu,
        megabytes,
    }
}

/// Does what [`measure`] asks its copy for: call it first. Returns whether there was such a call.
pub(crate) fn is_measuring() -> bool {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_none_or(|arg| arg != MEASURE) {
        return false;
    }
    let program = args.next().expect("a command to measure");
    let start = Instant::now();
    let status = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("the command runs");
    let seconds = start.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("children are counted");
    let cpu = [usage.user_time(), usage.system_time()]
        .map(|time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6);
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") {
        1.0
    } else {
        1024.0
    };
    let megabytes = usage.max_rss() as f64 * unit / 1e6;
    let code = status.code().unwrap_or(-1);
    println!("{code} {seconds} {} {megabytes}", cpu[0] + cpu[1]);
    true
}

/// How many groups there are: each has 100 members, and at least 50 groups.
pub(crate) fn groups(guests: usize) -> usize {
    (guests / 20).max(50)
}

/// Returns the five groups of a guest.
pub(crate) fn groups_of(guest: usize, groups: usize) -> impl Iterator<Item = usize> {
    (0..5).map(move |n| (guest + n * 7) % groups)
}

/// Returns the numbers of those who are members of a group.
pub(crate) fn members_of(group: usize, guests: usize) -> impl Iterator<Item = usize> {
    let groups = groups(guests);
    (0..5).flat_map(move |n| ((group + groups * 5 - n * 7) % groups..guests).step_by(groups))
}

/// Returns an id that looks as Graph's do; the same for the same object.
pub(crate) fn id(kind: usize, number: usize) -> String {
    let scattered = (number as u32).wrapping_mul(0x9e37_79b1);
    format!("{scattered:08x}-{kind:04x}-4000-8000-{number:012x}")
}
