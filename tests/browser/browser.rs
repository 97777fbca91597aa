//! A browser and what a person does with it: open, read, type, press.

use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tollgate_tests::browser::{Chromedriver, Scripts};

use crate::stand::SOON;

/// A Chromium of the test's own.
pub struct Browser {
    client: Client,
    session: String,
    driver: Chromedriver,
}

impl Browser {
    pub async fn start(scripts: Scripts) -> Self {
        let driver = Chromedriver::start().await;
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let connected =
            builder.capabilities(driver.capabilities(scripts)).connect(&driver.url()).await;
        let client = connected
            .unwrap_or_else(|error| panic!("no browser starts: {error}\n{}", driver.logs()));
        let session = client
            .session_id()
            .await
            .expect("the session can be asked for")
            .expect("a session has an id");
        Self { client, session, driver }
    }

    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url} does not open: {error}"));
    }

    /// Where it is: the whole address.
    pub async fn url(&self) -> String {
        self.client.current_url().await.expect("the address can be asked for").to_string()
    }

    pub async fn title(&self) -> String {
        self.client.title().await.expect("the title can be asked for")
    }

    /// The first element of a CSS selector, waited for.
    pub async fn element(&self, css: &str) -> Element {
        let found =
            self.client.wait().at_most(SOON).every(TICK).for_element(Locator::Css(css)).await;
        match found {
            Ok(element) => element,
            Err(error) => {
                panic!("there is no {css} at {}: {error}\n{}", self.url().await, self.text().await)
            }
        }
    }

    pub async fn has(&self, css: &str) -> bool {
        self.client.find(Locator::Css(css)).await.is_ok()
    }

    /// What is read on the page, its navigation left out.
    pub async fn text(&self) -> String {
        self.text_of("main").await
    }

    pub async fn text_of(&self, css: &str) -> String {
        match self.client.find(Locator::Css(css)).await {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Waits until an element's text contains something.
    pub async fn until_text(&self, css: &str, wanted: &str) {
        let started = Instant::now();
        loop {
            let text = self.text_of(css).await;
            if text.contains(wanted) {
                return;
            }
            assert!(
                started.elapsed() < SOON,
                "{css} at {} never says {wanted:?}: {text}",
                self.url().await
            );
            tokio::time::sleep(TICK).await;
        }
    }

    /// Expects something to be read on the page.
    pub async fn expect(&self, wanted: &str) {
        let text = self.text().await;
        assert!(
            text.contains(wanted),
            "{wanted:?} is not on the page {}:\n{text}",
            self.url().await
        );
    }

    /// What a field holds.
    pub async fn value(&self, css: &str) -> String {
        let value =
            self.element(css).await.prop("value").await.expect("a field's value can be asked for");
        value.unwrap_or_default()
    }

    /// Types into the field of this id, in the place of what it held.
    pub async fn fill(&self, id: &str, text: &str) {
        let field = self.element(&format!("#{id}")).await;
        field.clear().await.unwrap_or_else(|error| panic!("#{id} cannot be emptied: {error}"));
        field.send_keys(text).await.unwrap_or_else(|error| panic!("#{id} takes no text: {error}"));
    }

    /// Chooses an option by what it reads.
    pub async fn choose(&self, id: &str, label: &str) {
        let select = self.element(&format!("#{id}")).await;
        let options = select.find_all(Locator::Css("option")).await;
        for option in options.expect("options can be looked for") {
            if option.text().await.is_ok_and(|text| text == label) {
                let chosen = option.click().await;
                return chosen.unwrap_or_else(|error| panic!("{label} cannot be chosen: {error}"));
            }
        }
        panic!("#{id} does not offer {label}");
    }

    /// The button or link of the page's own part that reads so.
    pub async fn button(&self, label: &str) -> Element {
        let is_it = format!("[normalize-space(.)='{label}' or @aria-label='{label}']");
        let xpath = format!("//main//*[self::a or self::button]{is_it}");
        let found =
            self.client.wait().at_most(SOON).every(TICK).for_element(Locator::XPath(&xpath)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!(
                "nothing reads {label:?} at {}: {error}\n{}",
                self.url().await,
                self.text().await
            ),
        }
    }

    /// Presses it, and waits for the page that it leads to.
    pub async fn press(&self, label: &str) {
        let button = self.button(label).await;
        self.follow(&button, label).await;
    }

    /// The same with an element of a CSS selector.
    pub async fn press_at(&self, css: &str) {
        let element = self.element(css).await;
        self.follow(&element, css).await;
    }

    async fn follow(&self, element: &Element, what: &str) {
        let page = self.element("html").await;
        element.click().await.unwrap_or_else(|error| panic!("{what} cannot be pressed: {error}"));
        self.until_gone(&page, what).await;
    }

    /// Presses twice, as fast as a mouse can.
    pub async fn press_twice(&self, label: &str) {
        let (page, button) = (self.element("html").await, self.button(label).await);
        let click = |mouse: MouseActions| {
            mouse
                .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
                .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT })
        };
        let to = PointerAction::MoveToElement { element: button, duration: None, x: 0.0, y: 0.0 };
        let twice = click(click(MouseActions::new("mouse".to_owned()).then(to)));
        self.client.perform_actions(twice).await.expect("a mouse can be moved");
        self.until_gone(&page, label).await;
    }

    async fn until_gone(&self, page: &Element, what: &str) {
        let started = Instant::now();
        // An element of a page that was left is stale.
        while page.tag_name().await.is_ok() {
            assert!(started.elapsed() < SOON, "{what} at {} leads nowhere", self.url().await);
            tokio::time::sleep(TICK).await;
        }
        self.element("h1").await;
    }

    /// Runs a script of the test's own.
    pub async fn run(&self, script: &str) -> Value {
        let ran = self.client.execute(script, Vec::new()).await;
        ran.unwrap_or_else(|error| panic!("{script} fails: {error}"))
    }

    /// Whether a dialog of a script is open.
    pub async fn alerts(&self) -> bool {
        match self.client.get_alert_text().await {
            Ok(_) => true,
            Err(CmdError::Standard(_)) => false,
            Err(error) => panic!("the browser is gone: {error}"),
        }
    }

    /// Its cookies as a header.
    pub async fn cookies(&self) -> String {
        let cookies = self.client.get_all_cookies().await.expect("cookies can be asked for");
        let pairs = cookies.iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value()));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Forgets who is signed in.
    pub async fn forget(&self) {
        self.client.delete_all_cookies().await.expect("cookies can be deleted");
    }

    /// Gives the page another size.
    pub async fn resize(&self, width: u64, height: u64) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// What is to be seen, as a PNG.
    pub async fn screenshot(&self) -> Vec<u8> {
        self.client.screenshot().await.expect("the page can be seen")
    }

    /// What was logged since it was last asked, as sentences: errors and warnings of pages.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.log("browser").await;
        let is_bad = |entry: &&Value| {
            ["SEVERE", "WARNING"].contains(&entry["level"].as_str().unwrap_or_default())
        };
        log.iter()
            .filter(is_bad)
            .map(|entry| format!("{}: {}", entry["source"], entry["message"]))
            .collect()
    }

    /// The addresses that were asked for since it was last asked.
    pub async fn requested(&self) -> Vec<String> {
        let log = self.log("performance").await;
        let messages = log
            .iter()
            .filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok());
        messages
            .filter(|message| message["message"]["method"] == "Network.requestWillBeSent")
            .filter_map(|message| {
                message["message"]["params"]["request"]["url"].as_str().map(str::to_owned)
            })
            .collect()
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let log = self.driver.command(&self.session, "se/log", &json!({ "type": kind })).await;
        log.as_array().cloned().unwrap_or_default()
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.driver.command(&self.session, "goog/cdp/execute", &body).await
    }
}

/// How often something is looked at that is waited for.
const TICK: Duration = Duration::from_millis(20);
