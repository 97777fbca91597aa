//! A control plane that cannot start says why in one line, and what to do.

use std::process::Output;

use tollgate_tests::control_process::ControlPlane;

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn each_thing_that_is_missing_gets_one_clear_message() {
    let mut control = ControlPlane::start().await;
    control.kill();
    let dead = "127.0.0.1:9";
    let cases: [(&str, Vec<String>, &str); 7] = [
        (
            "a broken database URL",
            vec!["--database-url".into(), "mysql://x".into()],
            "DATABASE_URL",
        ),
        (
            "no Postgres",
            vec!["--database-url".into(), format!("postgres://tg_app@{dead}/tollgate")],
            "cannot be reached",
        ),
        ("no Redis", vec!["--redis-url".into(), format!("redis://{dead}")], "Redis"),
        ("a broken Redis URL", vec!["--redis-url".into(), "http://x".into()], "REDIS_URL"),
        ("no key-encryption key", vec!["--kek-file".into(), "/does/not/exist".into()], "kek new"),
        ("a broken public URL", vec!["--public-url".into(), "console".into()], "--public-url"),
        (
            "a role that walls do not hold",
            vec!["--database-url".into(), control.postgres.url("postgres", "tollgate")],
            "row-level security",
        ),
    ];
    for (what, flags, says) in cases {
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0"];
        arguments.extend(flags.iter().map(String::as_str));
        let output = control.cli(&arguments);
        assert_eq!(output.status.code(), Some(2), "{what}: {}", told(&output));
        assert!(told(&output).contains(says), "{what}: {}", told(&output));
        assert_eq!(told(&output).lines().count(), 1, "{what}: {}", told(&output));
    }
}

#[tokio::test]
async fn a_database_of_another_version_is_refused() {
    let mut control = ControlPlane::start().await;
    control.kill();
    control.psql("insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (29990101000000, 'later', true, '', 0)");
    let output = control.cli(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("29990101000000"), "{}", told(&output));
    control.psql("delete from _sqlx_migrations where version > 20261124000001");
    let output = control.cli(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(told(&output).contains("tollgate-control migrate"), "{}", told(&output));
}
