//! What an operation costs three lanes together, with no network in between:
//! `cargo bench -p protocol`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hot::{Cluster, Kind};
use std::hint::black_box;

// The same lanes as those whose instructions are counted, so that the figures can be compared.
#[path = "../examples/hot.rs"]
#[expect(dead_code, reason = "the program around the lanes is not needed here")]
mod hot;

fn operations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("three lanes");
    group.throughput(Throughput::Elements(1));
    let kinds = [
        ("read", Kind::Read),
        ("write", Kind::Write),
        ("increment", Kind::Increment),
    ];
    for (name, kind) in kinds {
        let mut cluster = Cluster::of(kind).expect("three nodes make a cluster");
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(cluster.operate()));
        });
    }
}

criterion_group!(benches, operations);
criterion_main!(benches);
