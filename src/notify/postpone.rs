//! A minor notice whose recipient does not wish it now: held, gathered, or not sent.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    communication, digest,
    notices::{self, Wish},
    send::{self, PERMIT, Undelivered},
};
use crate::{
    fhir::resource::Resource,
    kernel::problem::Result,
    store::{LeasedJob, Prepared, Store, Tx},
};

/// Whether the recipient wishes a message later, gathered or never: then it is so written, and
/// its job is done.
pub(super) async fn puts_off(
    store: &Store,
    job: &LeasedJob,
    tree: &Value,
    now: Timestamp,
) -> Result<bool> {
    let recipient = tree["recipient"][0]["reference"].as_str();
    let (Some(kind), Some(recipient)) = (communication::kind(tree), recipient) else {
        return Ok(false);
    };
    if !notices::is_minor(kind, tree["priority"].as_str()) {
        return Ok(false);
    }
    let wish = notices::wish_of(store, &PERMIT, (kind, recipient), now).await?;
    if wish == Wish::Now {
        return Ok(false);
    }
    let (job, recipient) = (job.clone(), recipient.to_owned());
    store
        .write(&PERMIT, move |tx| {
            Box::pin(put_off(tx, job, recipient, wish))
        })
        .await?;
    Ok(true)
}

/// Ends the job of a notice that its recipient does not wish now, and plans what they wish.
async fn put_off(tx: &mut Tx, job: LeasedJob, recipient: String, wish: Wish) -> Result<()> {
    tx.finish_job(&job).await?;
    let Ok(id) = send::communication_id(&job) else {
        return Ok(());
    };
    match wish {
        Wish::Now => Ok(()),
        Wish::Later(at) => tx.enqueue(&communication::job(id, at)).await,
        Wish::Gather(at) => {
            mark(tx, id, |tree| tree["status"] = "on-hold".into()).await?;
            tx.enqueue(&digest::job(&recipient, at)).await
        }
        Wish::Never => mark(tx, id, |tree| send::not_done(tree, Undelivered::Muted)).await,
    }
}

/// Writes what becomes of a Communication, unless somebody has ended it meanwhile.
async fn mark(tx: &mut Tx, id: &str, change: impl FnOnce(&mut Value)) -> Result<()> {
    let Some(stored) = tx.read(communication::communication_type()?, id).await? else {
        return Ok(());
    };
    let mut tree = stored.tree()?;
    if !communication::is_waiting(&tree) {
        return Ok(());
    }
    change(&mut tree);
    let prepared = Prepared::new(Resource::trusted(tree)?);
    tx.put(id, prepared, Some(stored.version)).await.map(|_| ())
}
