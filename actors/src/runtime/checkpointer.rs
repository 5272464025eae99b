//! Offers checkpoints: gathers what the lanes changed, waits until it is durable in the log, and
//! writes it into the store beside the lanes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture};
use tokio::sync::Mutex;
use tracing::{error, warn};

use super::host::{BeginCheckpoint, EndCheckpoint};
use super::release::Release;
use super::{Router, SubmitError, Timers};
use crate::ports::{PortError, Round};

/// A round is followed by a rest of this many times its length, so that checkpoints take a
/// bounded share of the machine however much there is to store.
const REST_PER_ROUND: u32 = 4;
/// But no longer than this: what is not in a checkpoint is replayed at the next start.
const REST_MAX: Duration = Duration::from_secs(5);

/// Lanes of a host gathered in one turn: commands wait for so many at most, not for all of them.
const LANES_PER_TURN: usize = 8;

/// Writes checkpoints now and then, and when asked.
pub struct Checkpointer {
    rounds: Rounds,
    every: Duration,
}

/// What a round needs.
#[derive(Clone)]
struct Rounds {
    router: Arc<Router>,
    release: Arc<Release>,
    timers: Arc<Timers>,
    on_failure: Arc<dyn Fn(String) + Send + Sync>,
    /// Held by the round under way: a later position must not be written before an earlier one.
    turn: Arc<Mutex<()>>,
}

impl Checkpointer {
    /// A checkpointer that works `every` so often. A store that fails is fatal: `on_failure`
    /// ends the process, and the next start replays the log.
    pub fn new(
        router: Arc<Router>, release: Arc<Release>, timers: Arc<Timers>, every: Duration,
        on_failure: Arc<dyn Fn(String) + Send + Sync>,
    ) -> Self {
        Self { rounds: Rounds { router, release, timers, on_failure, turn: Arc::default() }, every }
    }

    fn next(&mut self, after: Duration, context: &mut Context<Self>) {
        context.run_later(after, |actor, context| {
            let (rounds, every) = (actor.rounds.clone(), actor.every);
            let round = async move {
                let started = Instant::now();
                let _ = rounds.round().await; // A failure has been reported by the round.
                (started.elapsed() * REST_PER_ROUND).clamp(every, REST_MAX.max(every))
            };
            context.wait(round.into_actor(actor).map(|rest, actor: &mut Self, context| actor.next(rest, context)));
        });
    }
}

impl Actor for Checkpointer {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.next(self.every, context);
    }
}

impl Rounds {
    async fn round(&self) -> Result<usize, SubmitError> {
        let _turn = self.turn.lock().await;
        let ports = self.router.ports();
        if ports.snapshots.is_full() {
            warn!("no checkpoint is written: the disk is nearly full");
            return Err(SubmitError::DiskFull);
        }
        let position = ports.journal.position();
        let mut checkpoints = Vec::new();
        for lanes in self.router.lanes_in_turn(LANES_PER_TURN) {
            let turn: Vec<_> = lanes.into_iter().map(|(host, lanes)| host.send(BeginCheckpoint(lanes))).collect();
            for gathered in turn {
                // A lane that does not answer may hold records up to the position: no round then.
                checkpoints.extend(gathered.await.map_err(|_| SubmitError::Stopping)??);
            }
        }
        if checkpoints.is_empty() {
            return Ok(0);
        }
        let (sender, durable) = tokio::sync::oneshot::channel();
        self.release.barrier(move |result| {
            let _ = sender.send(result); // The round may have been given up.
        });
        durable.await.map_err(|_| SubmitError::Stopping)?.map_err(SubmitError::Port)?;
        let count = checkpoints.len();
        let (snapshots, directory) = (Arc::clone(&ports.snapshots), Arc::clone(&ports.directory));
        // After the barrier: what the checkpoint holds has been armed and observed.
        let (fired_before, remembered) = (self.timers.fired_before(), ports.observer.remembered());
        let started = Instant::now();
        let written = tokio::task::spawn_blocking(move || {
            let (checkpoints, fired_before) = (&checkpoints, &fired_before);
            snapshots.write(&Round { checkpoints, position, fired_before, remembered })?;
            checkpoints.iter().for_each(|checkpoint| directory.checkpointed(&checkpoint.directory));
            Ok::<(), PortError>(())
        })
        .await;
        ports.observer.checkpointed(started.elapsed(), count);
        match written {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => {
                error!(error = %failure, "checkpoint failed");
                (self.on_failure)(failure.to_string());
                return Err(SubmitError::Port(failure));
            }
            Err(panic) => {
                error!(error = %panic, "checkpoint failed");
                (self.on_failure)(panic.to_string());
                return Err(SubmitError::Stopping);
            }
        }
        for lanes in self.router.lanes_in_turn(LANES_PER_TURN) {
            let turn: Vec<_> = lanes.into_iter().map(|(host, lanes)| host.send(EndCheckpoint(lanes))).collect();
            for end in turn {
                let _ = end.await; // A stopped host needs none.
            }
        }
        Ok(count)
    }
}

/// Write a checkpoint now; answers with how many lanes had something new.
#[derive(Message)]
#[rtype(result = "Result<usize, SubmitError>")]
pub struct Offer;

impl Handler<Offer> for Checkpointer {
    type Result = ResponseFuture<Result<usize, SubmitError>>;

    fn handle(&mut self, _: Offer, _: &mut Self::Context) -> Self::Result {
        let rounds = self.rounds.clone();
        Box::pin(async move { rounds.round().await })
    }
}
