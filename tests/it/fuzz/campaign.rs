//! One campaign: inputs changed, tried, timed, and what was found told in the corpus's own form.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{corpus, mutate};

/// Longest that one input may take; a debug build on a busy machine is slow.
const INPUT_TIME_MAX: Duration = Duration::from_secs(10);

/// After this an input hangs: the process ends, since nothing else would end it.
const HANG: Duration = Duration::from_secs(120);

/// Most inputs that are kept to start from.
const POOL_MAX: usize = 3_000;

/// Findings after which a campaign has told enough.
const FOUND_MAX: usize = 8;

/// What a campaign has come to.
#[derive(Debug, Default)]
pub struct Done {
    /// Inputs tried.
    pub inputs: u64,
    /// Inputs that the target took.
    pub taken: u64,
    /// What was found: an input, as a line of the corpus, and why.
    pub found: Vec<String>,
}

/// What is being tried, and since when.
type Current = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

/// A campaign against one target.
pub struct Campaign {
    name: &'static str,
    time: Duration,
    least: u64,
    current: Current,
}

impl Campaign {
    /// A campaign that takes so long, and tries so many inputs at least.
    pub fn new(name: &'static str, time: Duration, least: u64) -> Self {
        Self {
            name,
            time,
            least,
            current: Arc::default(),
        }
    }

    /// Tries the whole corpus, then changes of it.
    pub fn run(self, draw: &mut dyn FnMut() -> u64, mut takes: impl FnMut(&[u8]) -> bool) -> Done {
        let (mut pool, words) = corpus::read(self.name);
        let watched = Arc::clone(&self.current);
        let watch = thread::spawn(move || watch(&watched));
        let mut done = Done::default();
        for input in &pool {
            self.attempt(input, &mut takes, &mut done);
        }
        let started = Instant::now();
        while done.found.len() < FOUND_MAX
            && (done.inputs < self.least || started.elapsed() < self.time)
        {
            let input = mutate::changed(&pool, &words, draw);
            if self.attempt(&input, &mut takes, &mut done) {
                if pool.len() < POOL_MAX {
                    pool.push(input);
                } else {
                    let place = usize::try_from(draw() % POOL_MAX as u64).unwrap_or(0);
                    pool[place] = input;
                }
            }
        }
        drop(self);
        watch.join().expect("the watch ends with the campaign");
        done
    }

    fn attempt(
        &self,
        input: &[u8],
        takes: &mut impl FnMut(&[u8]) -> bool,
        done: &mut Done,
    ) -> bool {
        let started = Instant::now();
        *lock(&self.current) = Some((started, input.to_vec()));
        let outcome = catch_unwind(AssertUnwindSafe(|| takes(input)));
        *lock(&self.current) = None;
        done.inputs += 1;
        let why = match outcome {
            Err(panic) => said(&*panic),
            Ok(_) if started.elapsed() > INPUT_TIME_MAX => {
                format!("it takes {:?}", started.elapsed())
            }
            Ok(taken) => {
                done.taken += u64::from(taken);
                return taken;
            }
        };
        done.found.push(format!("{}   {why}", corpus::line(input)));
        false
    }
}

fn lock(current: &Current) -> std::sync::MutexGuard<'_, Option<(Instant, Vec<u8>)>> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a panic has said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a text").to_owned()
}

/// Ends the process when an input hangs; ends itself with the campaign.
fn watch(current: &Current) {
    while Arc::strong_count(current) > 1 {
        thread::sleep(Duration::from_millis(50));
        if let Some((since, input)) = &*lock(current)
            && since.elapsed() > HANG
        {
            println!("This input hangs: {}", corpus::line(input));
            std::process::abort();
        }
    }
}
