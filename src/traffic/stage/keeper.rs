//! The keeper follows the catalog's changes and sees that each stage has its actor, and that the actor compiles; custom
//! domain names are so small that it publishes them itself.
//!
//! It says `processed` for a commit only when every actor that the commit concerns has published: that is what
//! makes "deployed" mean "served by every node".

use std::collections::{BTreeSet, HashMap};

use actix::{Actor, Addr, ArbiterHandle};
use futures_util::StreamExt;
use futures_util::future::ready;
use futures_util::stream;
use tokio::sync::watch;
use turnpike_cluster::WatchError;

use super::actor::{Close, Compile, Flush, Observe, Observed, StageActor};
use super::directory::Directory;
use super::names::Served;
use crate::catalog::{self, Catalog, Follower, keys};
use crate::model::id::{ApiId, StageName};
use crate::model::rest::{BasePathMapping, DomainName};
use crate::traffic::integration::Upstream;

/// So many stages are being compiled at a time, at most.
const AT_A_TIME: usize = 64;

/// Keeps the stage actors of this node.
pub struct Keeper {
    catalog: Catalog,
    directory: Directory,
    upstream: Upstream,
    /// Where actors run; at least one.
    threads: Vec<ArbiterHandle>,
    actors: HashMap<(ApiId, StageName), Addr<StageActor>>,
    reached: watch::Sender<u64>,
    /// Whoever else follows the changes, and is done when told.
    followers: Vec<Box<dyn Follower>>,
}

impl Keeper {
    /// A keeper without actors yet, which will run in `first` and the other threads; the receiver tells up to which commit
    /// all stages are published.
    pub fn new(
        catalog: Catalog,
        directory: Directory,
        upstream: Upstream,
        first: ArbiterHandle,
        others: impl IntoIterator<Item = ArbiterHandle>,
        followers: Vec<Box<dyn Follower>>,
    ) -> (Self, watch::Receiver<u64>) {
        let (reached, receiver) = watch::channel(0);
        let threads = std::iter::once(first).chain(others).collect();
        (Self { catalog, directory, upstream, threads, actors: HashMap::new(), reached, followers }, receiver)
    }

    /// Follows the catalog until the cluster stops. Runs in an actix arbiter.
    pub async fn run(mut self) {
        loop {
            let index = self.load().await;
            self.tell(index);
            let mut changes = self.catalog.watch(index);
            loop {
                match changes.next().await {
                    Ok(changed) => {
                        for key in changed.keys.iter() {
                            let stage = keys::parse_stage(&key.key).or_else(|| keys::parse_api_stage(&key.key));
                            if let Some((api, stage)) = stage {
                                self.refresh(api, stage).await;
                            }
                        }
                        for (api, stage) in changed.keys.iter().filter_map(|key| keys::parse_flushes(&key.key)) {
                            self.flush(&(api, stage)).await;
                        }
                        for follower in &self.followers {
                            changed.keys.iter().for_each(|key| follower.changed(&key.key));
                        }
                        let names = changed.keys.iter().filter_map(|key| keys::parse_domain_name(&key.key));
                        for name in names.collect::<BTreeSet<_>>() {
                            self.refresh_name(name);
                        }
                        self.tell(changed.index);
                    }
                    Err(WatchError::Lagged { .. }) => break,
                    Err(WatchError::Stopped) => return,
                }
            }
            tracing::info!("the change feed has moved on without this reader; reading everything again");
        }
    }

    /// What can be seen of every stage actor.
    pub async fn observe(&self) -> Vec<Observed> {
        let mut all = Vec::new();
        for actor in self.actors.values() {
            all.extend(actor.send(Observe).await);
        }
        all
    }

    /// Brings all stages up to date; answers with the commit that was read.
    async fn load(&mut self) -> u64 {
        let (index, wanted) = self.catalog.read(|documents| (documents.index(), documents.all_stage_keys()));
        let gone: Vec<_> = self.actors.keys().filter(|stage| !wanted.contains(stage)).cloned().collect();
        for (api, stage) in gone {
            self.close(&api, &stage).await;
        }
        let fresh: Vec<_> = wanted.iter().filter(|stage| !self.actors.contains_key(stage)).cloned().collect();
        self.open(fresh);
        self.compile_all(wanted).await;
        self.load_names();
        self.followers.iter().for_each(|follower| follower.reload());
        index
    }

    /// Brings all custom domain names up to date: as they are now, at `index` or later.
    fn load_names(&self) {
        let names = self.catalog.read(|documents| documents.piece(&keys::domain_names(), None, usize::MAX));
        let read = |name: Result<DomainName, _>| {
            let label = name?.label();
            Ok(self.served(&label)?.map(|served| (label, served)))
        };
        let names = names.iter().filter_map(|name| {
            read(name.read()).unwrap_or_else(|error: catalog::Error| {
                tracing::error!(%error, "a domain name can't be read, and is not served");
                None
            })
        });
        self.directory.names().publish_all(names);
    }

    /// Tells a stage that its cache may have been flushed.
    async fn flush(&self, stage: &(ApiId, StageName)) {
        if let Some(actor) = self.actors.get(stage) {
            let _ = actor.send(Flush).await;
        }
    }

    /// Brings one custom domain name up to date.
    fn refresh_name(&self, label: &str) {
        match self.served(label) {
            Ok(served) => self.directory.names().publish(label, served),
            Err(error) => {
                tracing::error!(label, %error, "a domain name can't be read; what it served before goes on");
            }
        }
    }

    /// What a domain name serves as the catalog has it now; nothing, if there is no such name or it is private.
    fn served(&self, label: &str) -> Result<Option<Served>, catalog::Error> {
        // Only bytes are taken under the catalog's lock.
        let (domain, mappings) = self.catalog.read(|documents| {
            let mappings = documents.piece(&keys::base_path_mappings(label), None, usize::MAX);
            (documents.pick(&keys::domain_name(label)), mappings)
        });
        let Some(domain) = domain.map(|domain| domain.read()).transpose()? else { return Ok(None) };
        if domain.id.is_some() {
            return Ok(None);
        }
        let mappings = mappings.iter().map(|mapping| mapping.read());
        Ok(Some(Served::new(&domain, mappings.collect::<Result<Vec<BasePathMapping>, _>>()?)))
    }

    /// Brings one stage up to date.
    async fn refresh(&mut self, api: ApiId, stage: StageName) {
        let exists = self.catalog.read(|documents| {
            documents.exists(&keys::stage(&api, &stage)) || documents.exists(&keys::api_stage(&api, &stage))
        });
        if !exists {
            return self.close(&api, &stage).await;
        }
        let stage = (api, stage);
        if !self.actors.contains_key(&stage) {
            self.open(vec![stage.clone()]);
        }
        self.compile(&stage).await;
    }

    fn open(&mut self, stages: Vec<(ApiId, StageName)>) {
        let slots = self.directory.open(stages.iter().cloned());
        for ((api, stage), slot) in stages.into_iter().zip(slots) {
            let actor = StageActor::new(self.catalog.clone(), self.upstream.clone(), api.clone(), stage.clone(), slot);
            let thread = &self.threads[self.actors.len() % self.threads.len()];
            let actor = StageActor::start_in_arbiter(thread, |_| actor);
            self.actors.insert((api, stage), actor);
        }
    }

    /// Has all of these stages compiled, many at a time: the actors' threads share the work.
    async fn compile_all(&mut self, stages: impl IntoIterator<Item = (ApiId, StageName)>) {
        let asked = stages.into_iter().filter_map(|stage| {
            let actor = self.actors.get(&stage)?.clone();
            Some(async move { (stage, actor.send(Compile).await.is_ok()) })
        });
        let gone =
            stream::iter(asked).buffer_unordered(AT_A_TIME).filter_map(|(stage, done)| ready((!done).then_some(stage)));
        for stage in gone.collect::<Vec<_>>().await {
            self.compile(&stage).await;
        }
    }

    async fn compile(&mut self, stage: &(ApiId, StageName)) {
        let Some(actor) = self.actors.get(stage) else { return };
        if actor.send(Compile).await.is_err() {
            // The actor has ended, which it does not do by itself: it is made anew, from nothing but the catalog.
            tracing::error!(api = %stage.0, stage = %stage.1, "a stage actor has ended; starting another");
            self.actors.remove(stage);
            self.open(vec![stage.clone()]);
            if let Some(actor) = self.actors.get(stage) {
                let _ = actor.send(Compile).await;
            }
        }
    }

    async fn close(&mut self, api: &ApiId, stage: &StageName) {
        self.directory.close(api, stage);
        if let Some(actor) = self.actors.remove(&(api.clone(), stage.clone())) {
            let _ = actor.send(Close).await;
        }
    }

    fn tell(&self, index: u64) {
        self.catalog.processed(index);
        self.reached.send_replace(index);
    }
}
