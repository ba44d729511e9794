"""handshake - what the keeper costs: CPU of a full TLS handshake over all processes of the gateway, beside a build that signs in
its workers (local_signer.c) and is the same in all else. Interleaved rounds, as in bench.py; the ratio is what to look at."""
import os
import statistics

import measures
import report
import scenarios

KINDS = (("P-256", "c"), ("RSA-2048", "d"))
AT_MOST = 1.2                           # times the build with its keys in the workers


def measure(ground, out, plan):
    """{kind: {"keeper": median CPU us of a handshake, "in_worker": ..., "ratio": of the rounds}}."""
    results, rows = {}, []
    local = os.path.join(ground.build, "local", "sallyport")
    for kind, key in KINDS:
        scenario = scenarios.BY_KEY[key]
        leaf = ground.leaf if key == "c" else ground.rsa
        ones = {"keeper": ground.start("sallyport"),
                "in_worker": ground.start("sallyport", binary=local, env={"SALLYPORT_KEY": leaf.key}, chain=leaf.chain, key=leaf.key,
                                          rsa_chain=leaf.chain, rsa_key=leaf.key)}
        samples = {way: [] for way in ones}
        try:
            for way, peer in ones.items():
                measures.warm(ground, peer, scenario, plan.warm_s)
            for _ in range(plan.rounds):
                for way, peer in ones.items():
                    samples[way].append(measures.timed(ground, peer, scenario, plan.seconds)["cpu"])
        finally:
            for one in ones.values():
                one.end()
        each = [mine / other for mine, other in zip(samples["keeper"], samples["in_worker"])]
        results[kind] = {way: round(statistics.median(values), 1) for way, values in samples.items()}
        results[kind]["ratio"] = round(statistics.median(each), 3)
        rows.append([kind, report.number(results[kind]["keeper"], 1), report.number(results[kind]["in_worker"], 1),
                     report.number(results[kind]["ratio"]), f"{min(each):.2f}-{max(each):.2f}", report.number(AT_MOST),
                     report.judge(results[kind]["ratio"], AT_MOST)])
    out.table("full TLS 1.3 handshakes, CPU us each over all processes: keys in the keeper and in the workers",
              ("", "keeper", "in worker", "ratio", "(of rounds)", "at most", "verdict"), rows)
    return results
