//! Receivers of hooks that do harm: answers without an end, drop by drop, of a great size, to somewhere else, or none at
//! all. Each try ends with a word of the closed set, others go on, and nothing grows.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value as Json;

use crate::support::peers::HookReceiver;
use crate::support::running::{Running, configure, drop_file};
use crate::support::scratch::{Scratch, wait_for};

/// What a receiver does with a connection.
type Answer = Box<dyn Fn(&mut TcpStream) + Send + Sync>;

/// A receiver that does with each connection what it likes, once it has read something of it.
fn receiver(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let (counted, answer) = (Arc::clone(&calls), Arc::new(answer));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (counted, answer) = (Arc::clone(&counted), Arc::clone(&answer));
            std::thread::spawn(move || {
                let mut some = [0; 64];
                if stream.read(&mut some).is_ok_and(|read| read > 0) {
                    counted.fetch_add(1, Ordering::SeqCst);
                    answer(&mut stream);
                }
            });
        }
    });
    (address, calls)
}

fn invoice(number: u32) -> Vec<u8> {
    format!(
        "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
         F-{number};C-{number};Client;;;fr;120,00;02/03/2026;10/03/2026;Conseil\n"
    )
    .into_bytes()
}

/// The kilobytes of memory that the process has.
fn resident_kib(running: &Running) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A service with an endpoint at the hostile receiver and one at a good one.
fn story(name: &str, hostile: SocketAddr, good: &HookReceiver) -> (Scratch, Running) {
    let scratch = Scratch::new(name);
    let config = configure(scratch.path(), |text| {
        let second = format!(
            "[[endpoint]]\ntenant = \"maison-dupre\"\nname = \"good\"\nurl = \"{}\"\nevents = [\"payment_request.issued\"]\n\
             secret = {{ value = \"whsec_c2FtcGxlIHNlY3JldCBvZiB0aGUgc2FuZGJveA==\" }}\n\n[[endpoint]]\n\
             tenant = \"maison-dupre\"\nname = \"erp\"\nevents = [\"payment_request.issued\"]\nretry_ms = [100, 600000]\n",
            good.url()
        );
        text.replace("[[endpoint]]\ntenant = \"maison-dupre\"\nname = \"erp\"\n", &second)
            .replace("http://127.0.0.1:8089/hooks/erp", &format!("http://{hostile}/hooks/erp"))
            .replace("timeout_ms = 15000", "timeout_ms = 1500")
    });
    (scratch, Running::start(&config))
}

#[test]
fn whatever_a_receiver_does_each_try_ends_and_others_go_on() {
    let elsewhere = HookReceiver::start();
    let to = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url());
    let cases: Vec<(&str, Answer, Option<&str>)> = vec![
        (
            "redirect",
            Box::new(move |stream| {
                let _ = stream.write_all(to.as_bytes());
            }),
            Some("status"),
        ),
        (
            "endless-body",
            Box::new(|stream| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
                let much = vec![b'x'; 1 << 20];
                while stream.write_all(&much).is_ok() {}
            }),
            None,
        ),
        (
            "drop-by-drop",
            Box::new(|stream| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
                while stream.write_all(b"X: y\r\n").is_ok() {
                    std::thread::sleep(Duration::from_millis(200));
                }
            }),
            Some("timeout"),
        ),
        (
            "great-headers",
            Box::new(|stream| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
                let line = format!("X-Much: {}\r\n", "y".repeat(60_000));
                for _ in 0..2_000 {
                    if stream.write_all(line.as_bytes()).is_err() {
                        return;
                    }
                }
            }),
            Some("broken"),
        ),
        (
            "no-http",
            Box::new(|stream| {
                let _ = stream.write_all(b"\x16\x03\x01 what is it? \x00\xff\r\n\r\n");
            }),
            Some("broken"),
        ),
        ("hang-up", Box::new(|_| {}), Some("broken")),
        ("silence", Box::new(|_| std::thread::sleep(Duration::from_secs(30))), Some("timeout")),
    ];
    for (name, answer, fault) in cases {
        let good = HookReceiver::start();
        let (address, calls) = receiver(answer);
        let (scratch, running) = story(&format!("hostile-{name}"), address, &good);
        let before = resident_kib(&running);
        drop_file(&scratch.path().join("data/erp/in"), "a.csv", &invoice(1));
        wait_for(name, || (calls.load(Ordering::SeqCst) >= 1).then_some(()));
        let told = wait_for(name, || {
            let of_way = running.get("/v1/deliveries?status=any&way=hook:maison-dupre:erp").json();
            let id = of_way["data"].get(0)?["id"].as_str()?.to_owned();
            let shown: Json = running.get(&format!("/v1/deliveries/{id}")).json();
            shown["tries"].get(0).cloned()
        });
        match fault {
            Some(fault) => {
                assert_eq!((&told["result"], &told["fault"]), (&"failed".into(), &fault.into()), "{name}: {told}")
            }
            // The status says it: what follows is not read.
            None => assert_eq!(told["result"], "delivered", "{name}: {told}"),
        }
        wait_for("the other endpoint", || (!good.received().is_empty()).then_some(()));
        let grown = resident_kib(&running).saturating_sub(before);
        assert!(grown < 64 << 10, "{name}: {grown} KiB more");
    }
    assert!(elsewhere.received().is_empty(), "a redirect is followed nowhere");
}

/// What takes few at once is called by few at once.
#[test]
fn who_does_not_keep_up_is_called_by_fewer_at_once() {
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, seen) = (Arc::clone(&at_once), Arc::clone(&most));
    let taken = Arc::new(AtomicUsize::new(0));
    let took = Arc::clone(&taken);
    // Two at a time are taken; the third is told that it is too much.
    let (address, calls) = receiver(move |stream| {
        let here = now.fetch_add(1, Ordering::SeqCst) + 1;
        seen.fetch_max(here, Ordering::SeqCst);
        let status = if here > 2 { "503 Busy" } else { "204 Taken" };
        if here <= 2 {
            std::thread::sleep(Duration::from_millis(20));
            took.fetch_add(1, Ordering::SeqCst);
        }
        let _ = stream
            .write_all(format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").as_bytes());
        now.fetch_sub(1, Ordering::SeqCst);
    });
    let scratch = Scratch::new("few-at-once");
    let config = configure(scratch.path(), |text| {
        text.replace("http://127.0.0.1:8089/hooks/erp", &format!("http://{address}/hooks/erp")).replace(
            "name = \"erp\"\nurl",
            "name = \"erp\"\nevents = [\"payment_request.issued\"]\nin_flight = 32\nretry_ms = [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200]\nurl",
        )
    });
    let running = Running::start(&config);
    let head = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n".to_owned();
    let rows: String =
        (0..400).map(|at| format!("F-{at};C-{at};Client {at};;;fr;120,00;02/03/2026;10/03/2026;Conseil\n")).collect();
    drop_file(&scratch.path().join("data/erp/in"), "many.csv", (head + &rows).as_bytes());
    wait_for("all of them", || (taken.load(Ordering::SeqCst) >= 400).then_some(()));
    let calls = calls.load(Ordering::SeqCst);
    assert!(most.load(Ordering::SeqCst) > 2, "more than it takes are tried");
    // By 32 at once most calls would be refused, again and again.
    assert!(calls < 800, "{calls} calls for 400 that are taken");
    drop(running);
}
