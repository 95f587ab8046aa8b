//! A record of accesses that cannot be written holds no message up.

use super::*;
use crate::{
    kernel::problem::Problem,
    store::witness::{Deed, Witness},
};

/// Takes note of nothing now, and keeps what it is told for later.
#[derive(Default)]
struct Broken(Mutex<Vec<Deed>>);

impl Witness for Broken {
    fn ready(&self) -> crate::kernel::problem::Result<()> {
        Err(Problem::busy("The disk is full."))
    }

    fn saw(&self, deed: Deed) {
        self.0.lock().unwrap().push(deed);
    }
}

#[tokio::test]
async fn a_call_for_action_goes_out_when_nothing_can_be_recorded_and_is_told_all_the_same() {
    let bench = Bench::open().await;
    let witness = Arc::new(Broken::default());
    bench.store.witness_by(Arc::clone(&witness) as _);
    bench.put(patient()).await;
    let announcement = to("Patient/p1", MessageKind::NeedsAction);
    let id = bench.announce(announcement).await;
    let channel = Scripted::answering(Ok(Accepted));
    let runner = bench.runner(Arc::clone(&channel) as Arc<dyn Channel>);
    bench.pass(SignedDuration::from_secs(1));
    runner.run_due().await.unwrap();
    assert_eq!(channel.taken(), [id.as_str()]);
    assert_eq!(bench.communication(&id).await["status"], "completed");
    let told = witness.0.lock().unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].entity, Some(("Communication", id)));
    assert!(told[0].is_done);
}
