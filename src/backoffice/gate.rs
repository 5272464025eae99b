//! Who may see the pages: people who signed in, or whoever opened the one-time link that the start printed where no
//! people are configured.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse};
use parking_lot::Mutex;
use quittance_actors::values::Timestamp;
use serde_json::json;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::{Pages, words};
use crate::config::Person;
use crate::{clock, digest, password};

const COOKIE: &str = "quittance_session";
/// A session ends so long after it began. Source: one working day.
const SESSION_MS: i64 = 12 * 3_600_000;
/// A session of somebody ends so long after the last page. Source: NIST SP 800-63B asks for an hour at most.
const IDLE_MS: i64 = 3_600_000;
/// Sessions kept at most; the one longest unused goes first.
const SESSIONS_MAX: usize = 10_000;
/// Wrong passwords of one name before it waits.
const WRONG_BEFORE_WAIT: u32 = 5;
/// A name waits so long at most after a wrong password: who guesses has 1,440 tries a day, and who is guessed at still
/// comes in.
const WAIT_MS_MAX: i64 = 60_000;
/// Names of which wrong passwords are remembered.
const NAMES_MAX: usize = 1_024;
/// Passwords judged at a time: each takes 19 MiB.
const JUDGED_AT_A_TIME: usize = 2;

/// Sessions of one process.
pub struct Gate {
    people: Vec<Arc<Person>>,
    link: Mutex<Option<String>>,
    sessions: Mutex<HashMap<String, Session>>,
    wrong: Mutex<HashMap<String, Wrong>>,
    judged: Semaphore,
    /// What passwords of names that nobody has are compared with, so that they take as long.
    of_nobody: String,
    /// Whether cookies travel by TLS only.
    secure: bool,
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
    /// A gate for these people, or for whoever has the one-time link when there are none.
    pub fn new(people: Vec<Person>, secure: bool) -> Result<Self, String> {
        let link = people.is_empty().then(random);
        let of_nobody = password::hash(&random())?;
        Ok(Self {
            people: people.into_iter().map(Arc::new).collect(),
            link: Mutex::new(link),
            sessions: Mutex::default(),
            wrong: Mutex::default(),
            judged: Semaphore::new(JUDGED_AT_A_TIME),
            of_nobody,
            secure,
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
    pub(super) fn check(&self, pages: &Pages, request: &HttpRequest) -> Result<Option<Arc<Person>>, HttpResponse> {
        if let Some(person) = self.visitor(request) {
            return same_origin(request).map(|()| person);
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

    /// Whose session a request shows.
    fn visitor(&self, request: &HttpRequest) -> Option<Option<Arc<Person>>> {
        let (cookie, now) = (request.cookie(COOKIE)?, clock::system_now());
        let mut sessions = self.sessions.lock();
        let key = key_of(cookie.value());
        let session = sessions.get_mut(&key)?;
        if session.has_ended(now) {
            sessions.remove(&key);
            return None;
        }
        session.seen = now;
        Some(session.person.clone())
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

    /// Lets in who shows a name and its password.
    pub(super) async fn sign_in(&self, id: &str, shown: &str) -> Result<Cookie<'static>, Refused> {
        let now = clock::system_now();
        let key = id.chars().take(64).collect::<String>();
        if let Some(waits) = self.waits(&key, now) {
            return Err(Refused::Waits(waits));
        }
        let person = self.people.iter().find(|person| person.id == id);
        let hash = person.map_or(self.of_nobody.as_str(), |person| person.password.reveal()).to_owned();
        let shown = shown.to_owned();
        // The permit is given back when it has been judged, whoever stops waiting.
        let _permit = self.judged.acquire().await.map_err(|_| Refused::Waits(1))?;
        let judged = actix_web::web::block(move || password::is_of(&hash, &shown)).await;
        match person.filter(|_| judged.unwrap_or(false)) {
            Some(person) => {
                self.wrong.lock().remove(&key);
                tracing::info!(person = person.id, "signed in");
                Ok(self.begin(Some(Arc::clone(person))))
            }
            None => {
                self.remember_wrong(key, clock::system_now());
                tracing::warn!(known = person.is_some(), "a wrong name or password at the back office");
                Err(Refused::Wrong)
            }
        }
    }

    fn waits(&self, key: &str, now: Timestamp) -> Option<i64> {
        let until = self.wrong.lock().get(key)?.until.unix_millis();
        let left = until - now.unix_millis();
        // A clock that was set back must not keep anybody out for long.
        (1..=WAIT_MS_MAX).contains(&left).then(|| (left + 999) / 1_000)
    }

    fn remember_wrong(&self, key: String, now: Timestamp) {
        let mut wrong = self.wrong.lock();
        if wrong.len() >= NAMES_MAX
            && !wrong.contains_key(&key)
            && let Some(oldest) = wrong.iter().min_by_key(|(_, of)| of.at).map(|(key, _)| key.clone())
        {
            wrong.remove(&oldest);
        }
        let of = wrong.entry(key).or_default();
        of.times = of.times.saturating_add(1);
        of.at = now;
        if let Some(over) = of.times.checked_sub(WRONG_BEFORE_WAIT) {
            let wait = (1_000_i64 << over.min(6)).min(WAIT_MS_MAX);
            of.until = Timestamp::from_unix_millis(now.unix_millis() + wait);
        }
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

#[expect(clippy::result_large_err, reason = "the answer is sent at once")]
/// A form must come from our own pages.
pub(super) fn same_origin(request: &HttpRequest) -> Result<(), HttpResponse> {
    if request.method() != actix_web::http::Method::POST {
        return Ok(());
    }
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = header("Host").unwrap_or_default();
    let origin = header("Origin").and_then(|origin| origin.split("://").nth(1));
    if origin.is_some_and(|origin| origin == host) { Ok(()) } else { Err(HttpResponse::Forbidden().finish()) }
}

/// To the page where one signs in, and from there to what was asked for.
fn to_sign_in(request: &HttpRequest) -> HttpResponse {
    let is_page = request.method() == actix_web::http::Method::GET;
    let to = if is_page { request.uri().to_string() } else { "/bo".to_owned() };
    let to = format!("/bo/sign-in?to={}", words::encoded(&to));
    HttpResponse::SeeOther().insert_header(("Location", to)).finish()
}
