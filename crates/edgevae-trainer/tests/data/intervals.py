"""Writes intervals.csv: Clopper and Pearson's 95 % intervals, by mpmath with 60 digits up to 3,000 trials, by SciPy (Boost)
above, where mpmath takes hours.

    python3 intervals.py > intervals.csv
"""
from mpmath import mp, mpf, betainc
from scipy.stats import beta

mp.dps = 60


def quantile(a, b, p):
    low, high = mpf(0), mpf(1)
    for _ in range(140):
        middle = (low + high) / 2
        if betainc(a, b, 0, middle, regularized=True) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


print("events,trials,low,high")
tail = mpf(25) / 1000
for trials in [1, 2, 10, 59, 100, 1000, 3000]:
    for events in sorted({0, 1, trials // 20, trials // 2, trials - 1, trials}):
        low = mpf(0) if events == 0 else quantile(events, trials - events + 1, tail)
        high = mpf(1) if events == trials else quantile(events + 1, trials - events, 1 - tail)
        print(f"{events},{trials},{mp.nstr(low, 17)},{mp.nstr(high, 17)}")
for trials in [100_000, 7_000_000, 10_500_000, 2**32 - 1]:
    for events in [0, 1, 1000, trials // 20, trials // 2, trials - 1, trials]:
        if (events, trials) == (1000, 2**32 - 1):
            continue  # SciPy 1.17 gives a lower end above the upper one.
        low = 0.0 if events == 0 else beta.ppf(0.025, events, trials - events + 1)
        high = 1.0 if events == trials else beta.ppf(0.975, events + 1, trials - events)
        print(f"{events},{trials},{low!r},{high!r}".replace("np.float64(", "").replace(")", ""))
