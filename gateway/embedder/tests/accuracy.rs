//! How often the nearest intent is the right one, on prompts that are held apart from the intents' examples. Needs the
//! model: TOLLGATE_EMBEDDER_MODEL names its folder.

use std::{collections::BTreeMap, path::PathBuf, time::Instant};
use tollgate_embedder::Model;

const EXAMPLES: &str = include_str!("labelled/examples.tsv");
const PROMPTS: &str = include_str!("labelled/prompts.tsv");

#[test]
fn nine_prompts_in_ten_find_their_intent() {
    let Some(folder) = folder() else {
        println!(
            "SKIPPED: TOLLGATE_EMBEDDER_MODEL names no model; infra/embedding-model fetches one"
        );
        return;
    };
    let model = Model::load(&folder).unwrap();
    let intents = intents(&model);
    let (mut right, mut times) = (0, Vec::new());
    let mut confused: BTreeMap<(String, String), usize> = BTreeMap::new();
    let prompts: Vec<_> = PROMPTS.lines().filter_map(|line| line.split_once('\t')).collect();
    assert!(prompts.len() >= 200 && intents.len() >= 5);
    for (label, prompt) in &prompts {
        let start = Instant::now();
        let vector = model.embed(prompt).unwrap();
        times.push(start.elapsed());
        let nearest = |examples: &Vec<Vec<f32>>| {
            examples.iter().map(|example| cosine(&vector, example)).fold(-1.0, f32::max)
        };
        let (found, _) = intents
            .iter()
            .map(|(name, examples)| (name, nearest(examples)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap();
        if found == label {
            right += 1;
        } else {
            *confused.entry(((*label).to_owned(), found.clone())).or_default() += 1;
        }
    }
    times.sort();
    let accuracy = right as f64 / prompts.len() as f64;
    println!(
        "{} prompts in {} intents: accuracy {:.1}%, p50 of a vector {:.1} ms, p99 {:.1} ms",
        prompts.len(),
        intents.len(),
        accuracy * 100.0,
        times[times.len() / 2].as_secs_f64() * 1e3,
        times[times.len() * 99 / 100].as_secs_f64() * 1e3,
    );
    for ((label, found), count) in &confused {
        println!("  {count} x {label} taken for {found}");
    }
    assert!(accuracy >= 0.9, "{accuracy}");
}

fn intents(model: &Model) -> BTreeMap<String, Vec<Vec<f32>>> {
    let mut intents: BTreeMap<String, Vec<Vec<f32>>> = BTreeMap::new();
    for (name, example) in EXAMPLES.lines().filter_map(|line| line.split_once('\t')) {
        assert!(PROMPTS.lines().all(|line| !line.ends_with(example)), "held apart: {example}");
        intents.entry(name.to_owned()).or_default().push(model.embed(example).expect("a vector"));
    }
    intents
}

#[expect(clippy::disallowed_methods, reason = "where the model is, only the caller knows")]
fn folder() -> Option<PathBuf> {
    std::env::var_os("TOLLGATE_EMBEDDER_MODEL").map(PathBuf::from)
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn vectors_have_length_one_and_long_texts_are_cut() {
    let Some(folder) = folder() else {
        return;
    };
    let model = Model::load(&folder).unwrap();
    for text in ["", "a", "日本語 🙂", &"word ".repeat(5_000)] {
        let vector = model.embed(text).unwrap();
        assert_eq!(vector.len(), model.dimension());
        assert!((cosine(&vector, &vector) - 1.0).abs() < 1e-4);
    }
}
