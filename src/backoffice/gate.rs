//! Who may see the pages: people who signed in, or whoever opened the one-time link that the start printed where no
//! people are configured.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse};
use parking_lot::Mutex;
use quittance_actors::values::Timestamp;
use serde_json::json;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use url::Url;

use super::{Pages, words};
use crate::config::{Person, Secret, Service};
use crate::{clock, digest, password};

const COOKIE: &str = "quittance_session";
/// A session ends so long after it began. Source: one working day.
const SESSION_MS: i64 = 12 * 3_600_000;
/// A session of somebody ends so long after the last page. Source: NIST SP 800-63B asks for an hour at most.
const IDLE_MS: i64 = 3_600_000;
/// The stream that a page watches.
const WATCHED: &str = "/bo/events";
/// Sessions kept at most; the one longest unused goes first.
const SESSIONS_MAX: usize = 10_000;
/// Wrong passwords of one name before it waits.
const WRONG_BEFORE_WAIT: u32 = 5;
/// Bytes of the longest name.
const NAME_BYTES_MAX: usize = 64;
/// A name waits so long at most after a wrong password: who guesses has 1,440 tries a day, and who is guessed at still
/// comes in.
const WAIT_MS_MAX: i64 = 60_000;
/// Names that nobody has of which wrong passwords are remembered; those of people always are.
const NAMES_MAX: usize = 1_024;
/// Wrong passwords are forgotten so long after the last.
const FORGOTTEN_MS: i64 = 3_600_000;
/// Passwords judged at a time, of strangers and of who is known: each takes 19 MiB.
const JUDGED_AT_A_TIME: usize = 1;
/// Passwords that wait to be judged; who comes beyond comes again.
const WAITING_MAX: usize = 16;
/// What says that somebody has signed in with this browser before.
const KNOWN_COOKIE: &str = "quittance_known";
/// Days for which a browser is known.
const KNOWN_DAYS: i64 = 180;

/// Sessions of one process.
pub struct Gate {
    people: Vec<Arc<Person>>,
    link: Mutex<Option<String>>,
    sessions: Mutex<HashMap<String, Session>>,
    wrong: Mutex<Wrongs>,
    strangers: Judges,
    /// Of browsers with which somebody has signed in before: strangers do not keep them waiting.
    acquainted: Judges,
    /// What makes the codes of browsers that are known.
    key: Secret,
    /// What passwords of names that nobody has are compared with, so that they take as long.
    of_nobody: String,
    /// Whether cookies travel by TLS only.
    pub(super) secure: bool,
    /// Where others reach the pages: scheme, host and port.
    origin: Option<String>,
}

/// Wrong passwords: of people, each by what they show of the browser, and of names that nobody has.
#[derive(Default)]
struct Wrongs {
    of_people: HashMap<String, Wrong>,
    of_nobody: HashMap<String, Wrong>,
}

struct Session {
    /// `None`: whoever had the link.
    person: Option<Arc<Person>>,
    began: Timestamp,
    seen: Timestamp,
}

impl Session {
    fn has_ended(&self, now: Timestamp) -> bool {
        let since = |at: Timestamp| now.unix_millis() - at.unix_millis();
        self.person.is_some() && (since(self.began) >= SESSION_MS || since(self.seen) >= IDLE_MS)
    }
}

/// Who it is, nobody in particular where no people are configured, and by which session.
type Visitor = (Option<Arc<Person>>, String);

/// By what wrong passwords are counted.
struct Counted {
    key: String,
    of_people: bool,
}

impl Wrongs {
    fn of(&mut self, counted: &Counted) -> &mut HashMap<String, Wrong> {
        if counted.of_people { &mut self.of_people } else { &mut self.of_nobody }
    }
}

#[derive(Clone, Copy, Default)]
struct Wrong {
    times: u32,
    until: Timestamp,
    at: Timestamp,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The name or the password is wrong.
    Wrong,
    /// After too many wrong ones: so many seconds are to be waited.
    Waits(i64),
}

fn random() -> String {
    digest::hex(&clock::random_bytes::<24>())
}

/// Sessions are kept by the digest of their token: whoever reads the memory cannot sign in with it.
fn key_of(token: &str) -> String {
    digest::hex(&digest::sha256(token.as_bytes()))
}

fn same(a: &str, b: &str) -> bool {
    bool::from(a.as_bytes().ct_eq(b.as_bytes()))
}

impl Gate {
    /// The gate of a service: for its people, or for whoever has the one-time link when there are none.
    pub fn new(service: &Service) -> Result<Self, String> {
        let (people, server) = (service.people.clone(), &service.server);
        let link = people.is_empty().then(random);
        let of_nobody = password::hash(&random())?;
        let url = server.public_url.as_deref().and_then(|url| Url::parse(url).ok());
        Ok(Self {
            people: people.into_iter().map(Arc::new).collect(),
            link: Mutex::new(link),
            sessions: Mutex::default(),
            wrong: Mutex::default(),
            strangers: Judges::default(),
            acquainted: Judges::default(),
            key: server.callback_key.clone().unwrap_or_else(|| Secret::new(random())),
            of_nobody,
            secure: server.behind_tls_proxy || url.as_ref().is_some_and(|url| url.scheme() == "https"),
            origin: url.map(|url| url.origin().ascii_serialization()),
        })
    }

    /// The token of the one-time link, if there is one.
    pub fn login_token(&self) -> Option<String> {
        self.link.lock().clone()
    }

    /// Whether people sign in.
    pub(super) fn has_people(&self) -> bool {
        !self.people.is_empty()
    }

    #[expect(clippy::result_large_err, reason = "the answer is sent at once")]
    /// Who it is: nobody in particular where no people are configured. Turns the one-time link into a session, and
    /// answers anybody else.
    pub(super) fn check(&self, pages: &Pages, request: &HttpRequest) -> Result<Visitor, HttpResponse> {
        if let Some(visitor) = self.visitor(request) {
            return self.same_origin(request).map(|()| visitor);
        }
        if self.has_people() {
            return Err(to_sign_in(request));
        }
        let shown = request.query_string().split('&').find_map(|pair| pair.strip_prefix("login="));
        let mut link = self.link.lock();
        if let (Some(shown), Some(token)) = (shown, link.as_ref())
            && same(shown, token)
        {
            *link = None;
            let to = request.path().to_owned();
            return Err(HttpResponse::SeeOther().cookie(self.begin(None)).insert_header(("Location", to)).finish());
        }
        let text =
            "Open the link that the service printed when it started. It works once; start again for a new one.";
        let page = pages.render("gate", &json!({ "title": "This page needs a session", "text": text }));
        let html = page.unwrap_or_default();
        Err(HttpResponse::Unauthorized().content_type("text/html; charset=utf-8").body(html))
    }

    /// Whose session a request shows, and which.
    fn visitor(&self, request: &HttpRequest) -> Option<Visitor> {
        let (cookie, now) = (request.cookie(COOKIE)?, clock::system_now());
        let mut sessions = self.sessions.lock();
        let key = key_of(cookie.value());
        let session = sessions.get_mut(&key)?;
        if session.has_ended(now) {
            sessions.remove(&key);
            return None;
        }
        // Whoever only watches does not prolong it.
        if request.match_pattern().as_deref() != Some(WATCHED) {
            session.seen = now;
        }
        Some((session.person.clone(), key))
    }

    /// Whether a session goes on; whoever only watches does not prolong it.
    pub(super) fn goes_on(&self, session: &str) -> bool {
        let now = clock::system_now();
        self.sessions.lock().get(session).is_some_and(|session| !session.has_ended(now))
    }

    fn begin(&self, person: Option<Arc<Person>>) -> Cookie<'static> {
        let (token, now) = (random(), clock::system_now());
        let mut sessions = self.sessions.lock();
        sessions.retain(|_, session| !session.has_ended(now));
        if sessions.len() >= SESSIONS_MAX
            && let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.seen).map(|(key, _)| key.clone())
        {
            sessions.remove(&oldest);
        }
        sessions.insert(key_of(&token), Session { person, began: now, seen: now });
        self.cookie(token)
    }

    fn cookie(&self, token: String) -> Cookie<'static> {
        let cookie = Cookie::build(COOKIE, token).path("/bo").http_only(true).same_site(SameSite::Strict);
        cookie.secure(self.secure).finish()
    }

    /// Lets in who shows a name and its password: the cookies of the session and of the browser.
    pub(super) async fn sign_in(
        &self, id: &str, shown: &str, request: &HttpRequest,
    ) -> Result<[Cookie<'static>; 2], Refused> {
        // Longer than any name: nobody's, and not worth a hash.
        if id.len() > NAME_BYTES_MAX {
            return Err(Refused::Wrong);
        }
        let person = self.people.iter().find(|person| person.id == id);
        // Who has signed in with a browser before does not wait for what others try with the name.
        let is_known = person.is_some_and(|person| self.knows(request, person));
        let counted =
            Counted { key: format!("{}{id}", if is_known { "known " } else { "" }), of_people: person.is_some() };
        self.waits(&counted)?;
        let judges = if is_known { &self.acquainted } else { &self.strangers };
        let Some(_place) = Place::of(&judges.waiting) else { return Err(Refused::Waits(1)) };
        let permit = Arc::clone(&judges.free).acquire_owned().await.map_err(|_| Refused::Waits(1))?;
        // Others with the name may have been wrong meanwhile; this one counts until it has turned out right.
        self.waits(&counted)?;
        self.count(&counted);
        let hash = person.map_or(self.of_nobody.as_str(), |person| person.password.reveal()).to_owned();
        let shown = shown.to_owned();
        let judged = actix_web::web::block(move || {
            // Given back when it has been judged, whoever stops waiting for that.
            let _permit = permit;
            password::is_of(&hash, &shown)
        });
        match person.zip(judged.await.ok().filter(|right| *right)) {
            Some((person, _)) => {
                self.wrong.lock().of_people.remove(&counted.key);
                tracing::info!(person = person.id, "signed in");
                Ok([self.begin(Some(Arc::clone(person))), self.known(person)])
            }
            None => {
                tracing::warn!(known = person.is_some(), "a wrong name or password at the back office");
                Err(Refused::Wrong)
            }
        }
    }

    fn waits(&self, of: &Counted) -> Result<(), Refused> {
        let now = clock::system_now();
        let mut wrong = self.wrong.lock();
        let Some(known) = wrong.of(of).get(&of.key) else { return Ok(()) };
        let left = known.until.unix_millis() - now.unix_millis();
        // A clock that was set back must not keep anybody out for long.
        match (1..=WAIT_MS_MAX).contains(&left) {
            true => Err(Refused::Waits((left + 999) / 1_000)),
            false => Ok(()),
        }
    }

    /// Counts a try as wrong.
    fn count(&self, of: &Counted) {
        let now = clock::system_now();
        let mut wrong = self.wrong.lock();
        let counted = wrong.of(of);
        if !of.of_people
            && counted.len() >= NAMES_MAX
            && !counted.contains_key(&of.key)
            && let Some(oldest) = counted.iter().min_by_key(|(_, of)| of.at).map(|(key, _)| key.clone())
        {
            counted.remove(&oldest);
        }
        let known = counted.entry(of.key.clone()).or_default();
        if now.unix_millis() - known.at.unix_millis() > FORGOTTEN_MS {
            *known = Wrong::default();
        }
        known.times = known.times.saturating_add(1);
        known.at = now;
        if let Some(over) = known.times.checked_sub(WRONG_BEFORE_WAIT) {
            let wait = (1_000_i64 << over.min(6)).min(WAIT_MS_MAX);
            known.until = Timestamp::from_unix_millis(now.unix_millis() + wait);
        }
    }

    /// What shows that somebody has signed in with a browser: it ends with the password.
    fn code_of(&self, person: &Person) -> String {
        let text = ["known", &person.id, person.password.reveal()].join("\u{1f}");
        digest::hex(&digest::keyed(self.key.reveal().as_bytes(), text.as_bytes()))
    }

    fn knows(&self, request: &HttpRequest, person: &Person) -> bool {
        request.cookie(KNOWN_COOKIE).is_some_and(|cookie| same(cookie.value(), &self.code_of(person)))
    }

    fn known(&self, person: &Person) -> Cookie<'static> {
        let cookie = Cookie::build(KNOWN_COOKIE, self.code_of(person)).path("/bo/sign-in").http_only(true);
        let cookie = cookie.same_site(SameSite::Strict).secure(self.secure);
        cookie.max_age(actix_web::cookie::time::Duration::days(KNOWN_DAYS)).finish()
    }

    #[expect(clippy::result_large_err, reason = "the answer is sent at once")]
    /// A form must come from our own pages: from where others reach them, or from this machine.
    pub(super) fn same_origin(&self, request: &HttpRequest) -> Result<(), HttpResponse> {
        if request.method() != actix_web::http::Method::POST {
            return Ok(());
        }
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let (host, origin) = (header("Host").unwrap_or_default(), header("Origin").unwrap_or_default());
        let is_public = self.origin.as_ref().is_some_and(|public| public == origin);
        let of_host = ["http://", "https://"].iter().find_map(|scheme| origin.strip_prefix(scheme)) == Some(host);
        let is_here = of_host && (self.origin.is_none() || is_loopback(host));
        if is_public || is_here { Ok(()) } else { Err(HttpResponse::Forbidden().finish()) }
    }

    /// Ends the session of a request; the cookie that forgets it.
    pub(super) fn sign_out(&self, request: &HttpRequest) -> Cookie<'static> {
        if let Some(cookie) = request.cookie(COOKIE) {
            self.sessions.lock().remove(&key_of(cookie.value()));
        }
        let mut cookie = self.cookie(String::new());
        cookie.make_removal();
        cookie
    }
}

/// Whether a host is this machine, by its number: a name may lead anywhere.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Who judge passwords, and how many wait for them.
struct Judges {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Default for Judges {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(JUDGED_AT_A_TIME)), waiting: AtomicUsize::new(0) }
    }
}

/// A place among those who wait, given back at the end.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn of(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// To the page where one signs in, and from there to what was asked for.
fn to_sign_in(request: &HttpRequest) -> HttpResponse {
    let is_page = request.method() == actix_web::http::Method::GET;
    let to = if is_page { request.uri().to_string() } else { "/bo".to_owned() };
    let to = format!("/bo/sign-in?to={}", words::encoded(&to));
    HttpResponse::SeeOther().insert_header(("Location", to)).finish()
}
