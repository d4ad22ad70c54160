//! The review pages as a browser sees them: nobody looks who is not signed in, no page says who it is about, and what a person
//! decides is done in their name.

use super::*;
use crate::accounts::{self, Role};
use crate::tests::House;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response};
use platform::db::sql;
use sim::encode::Syntax;
use sim::images::{Instance, Oddity, ct_study};
use std::time::Duration;
use tower::ServiceExt as _;

const PASSWORD: &str = "correct horse battery";
const HOST: &str = "127.0.0.1:8470";

/// A browser at the pages of a hub.
struct Browser {
    house: House,
    pages: Router,
    cookie: String,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, 1 << 24).await.unwrap().to_vec(),
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn to(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |to| to.to_str().unwrap())
    }

    /// The mark that the forms of this page carry.
    fn mark(&self) -> String {
        let (_, rest) = self.text().split_once(r#"name="form" value=""#).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    async fn new() -> Self {
        let house = House::with_portal().await;
        let desk = Desk {
            hub: Arc::clone(&house.hub),
            attempts: Mutex::default(),
            passwords: Semaphore::new(1),
            pictures: Arc::new(Semaphore::new(1)),
            is_tls: false,
        };
        for (name, role) in [("ann", Role::Reviewer), ("ben", Role::Approver)] {
            accounts::add(&house.hub, name, role, PASSWORD, "test").await.unwrap();
        }
        Self { house, pages: pages(Arc::new(desk)), cookie: String::new() }
    }

    async fn send(&self, method: Method, path: &str, body: String) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, HOST)
            .header(header::ORIGIN, format!("http://{HOST}"))
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.body(Body::from(body)).unwrap();
        Answer::of(self.pages.clone().oneshot(request).await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, String::new()).await
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, path, body.to_owned()).await
    }

    async fn try_sign_in(&self, name: &str, password: &str) -> Answer {
        self.post("/sign-in", &format!("name={name}&password={password}")).await
    }

    async fn sign_in(&mut self, name: &str) {
        let answer = self.try_sign_in(name, PASSWORD).await;
        let set = answer.headers.get(header::SET_COOKIE).unwrap().to_str().unwrap();
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
        assert_eq!(answer.to(), "/review");
        self.cookie = set.split(';').next().unwrap().to_owned();
    }

    /// A CT image with its patient's name in its pixels, held.
    async fn held(&self, n: u32, reason: &str) -> (String, Instance) {
        let mut image = ct_study(u64::from(n), 1, 64).remove(0);
        image.oddity = Some(Oddity::BurnedIn);
        let anna = self.house.person("9990000018").await;
        let id = self.house.received("royal", &anna, n, &image.file(Syntax::ExplicitLittle)).await;
        let hub = &self.house.hub;
        let mut tx = hub.store.write().await.unwrap();
        hub.store.instance_is(&mut tx, &id, "held", Some(reason), hub.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        // The next one waits less long.
        self.house.clock.advance(Duration::from_secs(1));
        (id, image)
    }

    async fn audited(&self, event: &str) -> Vec<String> {
        let mut reader = self.house.hub.store.db().read().await.unwrap();
        let query = sql("SELECT actor FROM audit_rows WHERE event = $1 ORDER BY seq").bind(event);
        query.all(&mut reader, |row| row.get("actor")).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_anything_who_is_not_signed_in() {
    let browser = Browser::new().await;
    let (id, _) = browser.held(1, "pixels-burned-in-annotation").await;
    let of_it = ["", "/frames/1"].map(|tail| format!("/review/{id}{tail}"));
    for path in ["/review"].into_iter().chain(of_it.iter().map(String::as_str)) {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.to()), (StatusCode::SEE_OTHER, "/sign-in"), "{path}");
        assert!(answer.body.is_empty());
    }
    for act in ["release", "mask", "reject", "retry"] {
        assert_eq!(browser.post(&format!("/review/{id}/{act}"), "").await.to(), "/sign-in", "{act}");
    }
    assert_eq!(browser.house.state(&id).await.0, "held");
    let page = browser.get("/sign-in").await;
    let policy = page.headers.get(header::CONTENT_SECURITY_POLICY).unwrap().to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
    assert_eq!(page.headers.get(header::CACHE_CONTROL).unwrap(), "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_opens_nothing_and_five_make_one_wait() {
    let mut browser = Browser::new().await;
    for (name, password) in [("ann", "wrong horse battery"), ("nobody", PASSWORD), ("ann", "")] {
        let answer = browser.try_sign_in(name, password).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.text().contains("The account name or the password is wrong"));
        assert!(answer.headers.get(header::SET_COOKIE).is_none());
    }
    for _ in 0..3 {
        browser.try_sign_in("ann", "wrong horse battery").await;
    }
    let waits = browser.try_sign_in("ann", PASSWORD).await;
    assert_eq!(waits.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(waits.headers.get(header::SET_COOKIE).is_none());
    browser.house.clock.advance(Duration::from_secs(15 * 60));
    browser.sign_in("ann").await;
    assert_eq!(
        browser.audited("sign-in refused").await,
        ["ann"; 5],
        "what is no account is not written down"
    );
    assert_eq!(browser.audited("signed in").await, ["ann"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_idle_after_a_day_of_work_on_sign_out_and_with_its_account() {
    let mut browser = Browser::new().await;
    let minutes = |n: u64| Duration::from_secs(60 * n);
    browser.sign_in("ann").await;
    browser.house.clock.advance(minutes(29));
    assert_eq!(browser.get("/review").await.status, StatusCode::OK);
    browser.house.clock.advance(minutes(30));
    assert_eq!(browser.get("/review").await.to(), "/sign-in");
    browser.sign_in("ann").await;
    for _ in 0..29 {
        browser.house.clock.advance(minutes(20));
        assert_eq!(browser.get("/review").await.status, StatusCode::OK);
    }
    browser.house.clock.advance(minutes(20));
    assert_eq!(browser.get("/review").await.to(), "/sign-in", "ten hours");
    browser.sign_in("ann").await;
    let mark = browser.get("/review").await.mark();
    browser.post("/sign-out", &format!("form={mark}")).await;
    assert_eq!(browser.get("/review").await.to(), "/sign-in");
    for change in ["disable", "password"] {
        browser.sign_in("ben").await;
        match change {
            "password" => {
                accounts::set_password(&browser.house.hub, "ben", "another horse", "test").await.unwrap()
            }
            _ => accounts::set_password(&browser.house.hub, "ben", PASSWORD, "test").await.unwrap(),
        }
        assert_eq!(browser.get("/review").await.to(), "/sign-in", "{change}");
    }
    accounts::disable(&browser.house.hub, "ben", "test").await.unwrap();
    assert_eq!(browser.try_sign_in("ben", "another horse").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_the_picture_and_nothing_of_the_header_that_says_who_it_is() {
    let mut browser = Browser::new().await;
    let (id, image) = browser.held(1, "pixels-burned-in-annotation").await;
    browser.sign_in("ann").await;
    let queue = browser.get("/review").await;
    assert!(queue.text().contains("It says that text may be burned into the picture"));
    assert!(queue.text().contains(&format!("/review/{id}")));
    let page = browser.get(&format!("/review/{id}")).await;
    assert!(page.text().contains("CT Image Storage") && page.text().contains("64 × 64"));
    for shown in [queue.text(), page.text()] {
        for sentinel in image.sentinels() {
            assert!(!shown.contains(&sentinel.text), "{} is shown", sentinel.kind);
        }
    }
    let picture = browser.get(&format!("/review/{id}/frames/1")).await;
    assert_eq!(picture.headers.get(header::CONTENT_TYPE).unwrap(), "image/png");
    assert_eq!(picture.headers.get(header::CACHE_CONTROL).unwrap(), "no-store");
    let decoder = png::Decoder::new(std::io::Cursor::new(&picture.body));
    assert_eq!(decoder.read_info().unwrap().info().size(), (64, 64));
    for frame in ["0", "2", "x"] {
        assert_ne!(browser.get(&format!("/review/{id}/frames/{frame}")).await.status, StatusCode::OK);
    }
    assert_eq!(browser.audited("instance looked at").await, ["ann"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_needs_a_form_of_this_session_and_is_taken_in_its_name() {
    let mut browser = Browser::new().await;
    let (first, _) = browser.held(1, "pixels-burned-in-annotation").await;
    let (second, _) = browser.held(2, "pixels-burned-in-annotation").await;
    let (third, _) = browser.held(3, "residue-found").await;
    browser.sign_in("ann").await;
    let mark = browser.get(&format!("/review/{first}")).await.mark();
    let release = format!("/review/{first}/release");
    assert_eq!(browser.post(&release, "form=").await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.house.state(&first).await.0, "held");
    let done = browser.post(&release, &format!("form={mark}")).await;
    assert!(done.to().starts_with(&format!("/review/{second}?")), "{}", done.to());
    assert_eq!(browser.house.state(&first).await.0, "received");
    let decisions = browser.house.hub.store.decisions(&first).await.unwrap();
    assert_eq!((decisions[0].kind.as_str(), decisions[0].actor.as_str()), ("release", "ann"));

    let mask = format!("/review/{second}/mask");
    let empty = browser.post(&mask, &format!("form={mark}&left=&top=&width=&height=")).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(empty.text().contains("Draw at least one box"));
    let beyond = "left=60&top=60&width=99&height=2";
    browser.post(&mask, &format!("form={mark}&{beyond}")).await;
    let spool = browser.house.hub.store.instance(&second).await.unwrap().unwrap().spool.unwrap();
    let looked = browser.house.hub.store.looked_at(&spool).await.unwrap().unwrap();
    assert_eq!((looked.kind.as_str(), looked.boxes.as_deref()), ("mask", Some("[[60,60,4,2]]")));

    let refused = browser.post(&format!("/review/{third}/release"), &format!("form={mark}")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let reject = format!("/review/{third}/reject");
    let without = browser.post(&reject, &format!("form={mark}")).await;
    assert!(without.text().contains("Choose a reason"));
    browser.post(&reject, &format!("form={mark}&why=not-an-image")).await;
    assert_eq!(browser.house.state(&third).await, ("rejected".into(), Some("not-an-image".into())));
    assert_eq!(browser.audited("review decision").await, ["ann"; 3]);
    let gone = browser.post(&release, &format!("form={mark}")).await;
    assert!(gone.to().contains("said=elsewhere"), "{}", gone.to());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_filtered_by_reason_and_source_and_turned_page_by_page() {
    let mut browser = Browser::new().await;
    for n in 1..=26 {
        browser.held(n, "pixels-overlays pixels-not-primary").await;
    }
    let (odd, _) = browser.held(27, "residue-found").await;
    browser.sign_in("ann").await;
    let first = browser.get("/review").await;
    assert!(first.text().contains("27 images wait") && first.text().contains("Images 1 to 25"));
    assert!(browser.get("/review?page=1").await.text().contains("Images 26 to 27"));
    let filtered = browser.get("/review?reason=residue-found&source=royal").await;
    assert!(filtered.text().contains(&odd) && filtered.text().contains("Images 1 to 1"));
    assert!(browser.get("/review?source=county").await.text().contains("No image matches"));
    // What is no code comes back as nothing.
    let odd = browser.get("/review?reason=%22%3E%3Cscript%3E&source=%3Cb%3E").await;
    assert!(!odd.text().contains("<script>") && odd.text().contains("27 images wait"));
}
