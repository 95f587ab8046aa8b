//! Messages as files: one `.eml` each, named after the message.

use std::path::PathBuf;

use futures_util::future::BoxFuture;

use super::{ALL, Accepted, Channel, Message, Rejection, mail};
use crate::kernel::problem::{Problem, Result};

/// Writes each message into a folder; the same message again replaces its file.
#[derive(Debug)]
pub struct File {
    folder: PathBuf,
}

impl File {
    /// Opens the folder and makes it if absent.
    ///
    /// # Errors
    /// `Fault`, if it cannot be made.
    pub fn open(folder: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&folder).map_err(|e| {
            Problem::fault(format!(
                "the folder {} cannot be made: {e}",
                folder.display()
            ))
        })?;
        Ok(Self { folder })
    }

    async fn write(&self, message: &Message) -> Result<Accepted, Rejection> {
        let bytes = mail(message)?.formatted();
        // Written aside and renamed, so that a reader never meets half a message.
        let part = self.folder.join(format!("{}.part", message.id));
        let whole = self.folder.join(format!("{}.eml", message.id));
        let written = async {
            tokio::fs::write(&part, bytes).await?;
            tokio::fs::rename(&part, &whole).await
        };
        match written.await {
            Ok(()) => Ok(Accepted),
            Err(e) => Err(Rejection::transient(format!("the file: {}", e.kind()))),
        }
    }
}

impl File {
    async fn remove(&self, name: &str) -> Result<()> {
        match tokio::fs::remove_file(self.folder.join(name)).await {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(failed(e)),
            _ => Ok(()),
        }
    }
}

impl Channel for File {
    fn name(&self) -> &'static str {
        "file"
    }

    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Accepted, Rejection>> {
        Box::pin(self.write(message))
    }

    fn forget<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let (all, single): (Vec<&String>, Vec<&String>) =
                ids.iter().partition(|id| id.ends_with(ALL));
            for id in single {
                self.remove(&format!("{id}.eml")).await?;
                self.remove(&format!("{id}.part")).await?;
            }
            if all.is_empty() {
                return Ok(());
            }
            let mut files = match tokio::fs::read_dir(&self.folder).await {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                files => files.map_err(failed)?,
            };
            while let Some(file) = files.next_entry().await.map_err(failed)? {
                let name = file.file_name();
                let name = name.to_str().unwrap_or_default();
                if all.iter().any(|begin| name.starts_with(begin.as_str())) {
                    self.remove(name).await?;
                }
            }
            Ok(())
        })
    }
}

fn failed(error: std::io::Error) -> Problem {
    Problem::fault(format!("a message's file: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::message, *};

    #[tokio::test]
    async fn a_message_sent_twice_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let channel = File::open(folder.path().join("mails")).unwrap();
        for id in ["c-1", "c-2", "c-1"] {
            channel.send(&message(id)).await.unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(folder.path().join("mails"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["c-1.eml", "c-2.eml"]);
        let forgotten = ["c-1", "c-2", "c-3"].map(str::to_owned);
        channel.forget(&forgotten).await.unwrap();
        let left = std::fs::read_dir(folder.path().join("mails")).unwrap();
        assert_eq!(left.count(), 0);
        for id in ["letter-a_1", "letter-a_2", "letter-ab_3", "letter-a"] {
            channel.send(&message(id)).await.unwrap();
        }
        channel.forget(&["letter-a_".to_owned()]).await.unwrap();
        let left = std::fs::read_dir(folder.path().join("mails")).unwrap();
        assert_eq!(left.count(), 2);
    }

    #[tokio::test]
    async fn a_folder_that_vanished_may_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let channel = File::open(folder.path().to_owned()).unwrap();
        drop(folder);
        let refused = channel.send(&message("c-1")).await.unwrap_err();
        assert_eq!(refused, Rejection::transient("the file: entity not found"));
    }
}
