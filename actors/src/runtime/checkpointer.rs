//! Offers checkpoints: gathers what the lanes changed, waits until it is durable in the log, and
//! writes it into the store beside the lanes.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture};
use tokio::sync::Mutex;
use tracing::error;

use super::partition::{BeginCheckpoint, EndCheckpoint};
use super::release::Release;
use super::{Router, SubmitError};

/// Writes checkpoints now and then, and when asked.
pub struct Checkpointer {
    router: Arc<Router>,
    release: Arc<Release>,
    every: Duration,
    on_failure: Arc<dyn Fn(String) + Send + Sync>,
    /// Held by the round under way: a later position must not be written before an earlier one.
    turn: Arc<Mutex<()>>,
}

impl Checkpointer {
    /// A checkpointer that works `every` so often. A store that fails is fatal: `on_failure`
    /// ends the process, and the next start replays the log.
    pub fn new(
        router: Arc<Router>, release: Arc<Release>, every: Duration, on_failure: Arc<dyn Fn(String) + Send + Sync>,
    ) -> Self {
        Self { router, release, every, on_failure, turn: Arc::default() }
    }
}

impl Actor for Checkpointer {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let every = self.every;
        context.run_interval(every, |actor, context| {
            let round = actor.round();
            context.wait(actix::fut::wrap_future(async move {
                let _ = round.await; // A failure has been reported by the round.
            }));
        });
    }
}

impl Checkpointer {
    fn round(&self) -> ResponseFuture<Result<usize, SubmitError>> {
        let (router, release) = (Arc::clone(&self.router), Arc::clone(&self.release));
        let on_failure = Arc::clone(&self.on_failure);
        let turn = Arc::clone(&self.turn);
        Box::pin(async move {
            let _turn = turn.lock().await;
            let position = router.ports().journal.position();
            let mut gathered = Vec::new();
            for partition in router.partitions() {
                // A lane that does not answer may hold records up to the position: no round then.
                let offered = partition.send(BeginCheckpoint).await.map_err(|_| SubmitError::Stopping)??;
                if let Some(checkpoint) = offered {
                    gathered.push((partition.clone(), checkpoint));
                }
            }
            if gathered.is_empty() {
                return Ok(0);
            }
            release.barrier().wait().await?;
            let snapshots = Arc::clone(&router.ports().snapshots);
            let (partitions, checkpoints): (Vec<_>, Vec<_>) = gathered.into_iter().unzip();
            let count = checkpoints.len();
            let directory = Arc::clone(&router.ports().directory);
            let written = tokio::task::spawn_blocking(move || {
                snapshots.write(&checkpoints, position)?;
                checkpoints.iter().for_each(|checkpoint| directory.checkpointed(&checkpoint.directory));
                Ok::<(), crate::ports::PortError>(())
            })
            .await;
            match written {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => {
                    error!(error = %failure, "checkpoint failed");
                    on_failure(failure.to_string());
                    return Err(SubmitError::Port(failure));
                }
                Err(panic) => {
                    error!(error = %panic, "checkpoint failed");
                    on_failure(panic.to_string());
                    return Err(SubmitError::Stopping);
                }
            }
            for partition in partitions {
                let _ = partition.send(EndCheckpoint).await; // A stopped partition needs none.
            }
            Ok(count)
        })
    }
}

/// Write a checkpoint now; answers with how many lanes had something new.
#[derive(Message)]
#[rtype(result = "Result<usize, SubmitError>")]
pub struct Offer;

impl Handler<Offer> for Checkpointer {
    type Result = ResponseFuture<Result<usize, SubmitError>>;

    fn handle(&mut self, _: Offer, _: &mut Self::Context) -> Self::Result {
        self.round()
    }
}
