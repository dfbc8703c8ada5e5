"""Makes edges.json: densities, entropies, divergences and samples of the families at their edges, by mpmath with 50 digits.

For each case: inputs that float32 holds, each value and gradient, and by how much these move where one input moves by its last
digit (the most over the inputs): what float32 may be off by is 8 times that. Run with: python3 edges.py > edges.json
"""
import json
import sys
from math import exp as fexp

import numpy as np
from mpmath import digamma, exp, expm1, log, log1p, loggamma, mp, mpf, pi, quad, sign, sqrt, tanh

mp.dps = 50
ULP = mpf(2) ** -23
HALF = log(2 * pi) / 2
COMPONENTS = 4


def f32(x):
    return mpf(float(np.float32(float(x))))


def softplus(x):
    return max(x, 0) + log1p(exp(-abs(x)))


def normal(z):
    return -z * z / 2 - HALF


def volume(u):
    return 2 * (log(2) - abs(u) - log1p(exp(-2 * abs(u))))


def atanh(a):
    return (log1p(a) - log1p(-a)) / 2


# Location and scale: standard log-density, variate of noise, entropy
STANDARD = {
    'gaussian': (normal, lambda x: x, HALF + mpf(1) / 2),
    'laplace': (
        lambda z: -abs(z) - log(2),
        lambda u: -sign(u - mpf(1) / 2) * log1p(-2 * abs(u - mpf(1) / 2)),
        1 + log(2),
    ),
    'logistic': (lambda z: -abs(z) - 2 * log1p(exp(-abs(z))), lambda u: log(u) - log1p(-u), mpf(2)),
    'student-t': (
        lambda z: log(mpf(3) / 8) - mpf(5) / 2 * log1p(z * z / 4),
        lambda x: x,
        mpf(5) / 2 * (digamma(mpf(5) / 2) - digamma(2)) - log(mpf(3) / 8),
    ),
}


def scaled(name):
    density, variate, standard_entropy = STANDARD[name]

    def log_prob(h, x):
        n = len(x)
        return sum(density((x[i] - h[i]) * exp(-h[n + i])) - h[n + i] for i in range(n))

    def sample(h, x):
        n = len(x)
        return [h[i] + exp(h[n + i]) * variate(x[i]) for i in range(n)]

    def entropy(h):
        n = len(h) // 2
        return sum(h[n:]) + n * standard_entropy

    return log_prob, sample, entropy


def gaussian_kl(h, g):
    n = len(h) // 2
    return sum(
        g[n + i] - h[n + i] + (exp(2 * (h[n + i] - g[n + i])) + ((h[i] - g[i]) * exp(-g[n + i])) ** 2 - 1) / 2
        for i in range(n)
    )


def laplace_kl(h, g):
    n = len(h) // 2
    total = mpf(0)
    for i in range(n):
        b, c, d = exp(h[n + i]), exp(g[n + i]), abs(h[i] - g[i])
        total += (b * exp(-d / b) + d) / c + log(c / b) - 1
    return total


def tanh_latent(h, u):
    return scaled('gaussian')[0](h, u) - sum(volume(x) for x in u)


def tanh_action(h, a):
    return tanh_latent(h, [atanh(x) for x in a])


# Full covariance
def factor(h):
    n = {6: 2, 12: 3}[len(h)]
    at = lambda i, j: h[n + i * n + j]
    return n, [[exp(at(i, j)) if i == j else at(i, j) if i > j else mpf(0) for j in range(n)] for i in range(n)]


def solve(lower, d):
    y = []
    for i in range(len(d)):
        y.append((d[i] - sum(lower[i][j] * y[j] for j in range(i))) / lower[i][i])
    return y


def full_log_prob(h, x):
    n, lower = factor(h)
    y = solve(lower, [x[i] - h[i] for i in range(n)])
    return sum(normal(v) for v in y) - sum(log(lower[i][i]) for i in range(n))


def full_sample(h, x):
    n, lower = factor(h)
    return [h[i] + sum(lower[i][j] * x[j] for j in range(n)) for i in range(n)]


def full_entropy(h):
    n, lower = factor(h)
    return sum(log(lower[i][i]) for i in range(n)) + n * (HALF + mpf(1) / 2)


def full_kl(h, g):
    n, first = factor(h)
    _, second = factor(g)
    total = sum(v * v for v in solve(second, [h[i] - g[i] for i in range(n)]))
    for j in range(n):
        total += sum(v * v for v in solve(second, [first[i][j] for i in range(n)]))
    return (total - n) / 2 + sum(log(second[i][i]) - log(first[i][i]) for i in range(n))


# Mixtures
def log_sum_exp(values):
    largest = max(values)
    return largest + log(sum(exp(v - largest) for v in values))


def mixture(h, u):
    n, m = len(u), COMPONENTS
    mean = lambda k, i: h[m + k * n + i]
    log_std = lambda k, i: h[m + m * n + k * n + i]
    total = log_sum_exp(h[:m])
    return log_sum_exp(
        [
            h[k] - total + sum(normal((u[i] - mean(k, i)) * exp(-log_std(k, i))) - log_std(k, i) for i in range(n))
            for k in range(m)
        ]
    )


def tanh_mixture(h, u):
    return mixture(h, u) - sum(volume(x) for x in u)


# Beta: shapes 1 + softplus(head)
def shapes(h):
    n = len(h) // 2
    return [(1 + softplus(h[i]), 1 + softplus(h[n + i])) for i in range(n)]


def log_beta(a, b):
    return loggamma(a) + loggamma(b) - loggamma(a + b)


def beta_log_prob(h, x):
    total = mpf(0)
    for (a, b), v in zip(shapes(h), x):
        total += (a - 1) * log1p(v) + (b - 1) * log1p(-v) - (a + b - 1) * log(2) - log_beta(a, b)
    return total


def beta_entropy(h):
    total = mpf(0)
    for a, b in shapes(h):
        total += log_beta(a, b) + log(2) - (a - 1) * digamma(a) - (b - 1) * digamma(b) + (a + b - 2) * digamma(a + b)
    return total


def beta_kl(h, g):
    total = mpf(0)
    for (a, b), (c, d) in zip(shapes(h), shapes(g)):
        total += log_beta(c, d) - log_beta(a, b) + (a - c) * digamma(a) + (b - d) * digamma(b)
        total -= (a + b - c - d) * digamma(a + b)
    return total


def beta_slopes(h, actions):
    """Of the action in the head at a fixed quantile: −∂F/∂shape over the density, F by integrating from the nearer tail."""
    [(a, b)], x = shapes(h), (1 + actions[0]) / 2
    y = log(x) - log1p(-x)
    total, norm = a + b, log_beta(a, b)
    side = 1 if y < log(a / b) else -1
    reach = sqrt(1 / a + 1 / b)
    points = [y - side * reach * k for k in (0, 0.25, 0.5, 1, 2, 3, 4, 6, 8, 11, 15, 20, 30, 60, 120)]
    density = exp((a - 1) * log(x) + (b - 1) * log1p(-x) - norm)
    slopes = []
    for k, shape in enumerate((a, b)):
        part = lambda t: -softplus(-t if k == 0 else t)
        centre = digamma(shape) - digamma(total)
        inner = lambda t: exp(-a * softplus(-t) - b * softplus(t) - norm) * (part(t) - centre)
        slopes.append(2 * quad(inner, points) / density / (1 + exp(-h[k])))
    return slopes


# Values, gradients by central differences, and what they move
def gradients(f, xs):
    out = []
    for k, x in enumerate(xs):
        for i in range(len(x)):
            h = mpf(10) ** -20 * (1 + abs(x[i]))

            def at(d):
                ys = [list(y) for y in xs]
                ys[k][i] += d
                return f(*ys)

            out.append((at(h) - at(-h)) / (2 * h))
    return out


def with_moves(f, xs):
    base = f(*xs)
    moves = [mpf(0)] * len(base)
    for k, x in enumerate(xs):
        for i in range(len(x)):
            if x[i] == 0:
                continue
            ys = [list(y) for y in xs]
            ys[k][i] *= 1 + ULP
            moves = [max(m, abs(a - b)) for m, a, b in zip(moves, f(*ys), base)]
    return {'values': [float(f'{float(v):.13g}') for v in base], 'moves': [float(f'{float(v):.2g}') for v in moves]}


CASES = []


def emit(family, what, inputs, expect):
    CASES.append(
        {'family': family, 'what': what, 'inputs': {k: [float(v) for v in x] for k, x in inputs.items()}, 'expect': expect}
    )


def add(family, what, f, **inputs):
    inputs = {name: [f32(v) for v in x] for name, x in inputs.items()}
    xs, expect = list(inputs.values()), {'value': with_moves(lambda *a: [f(*a)], list(inputs.values()))}
    all_slopes = with_moves(lambda *a: gradients(f, a), xs)
    at = 0
    for name, x in inputs.items():
        expect[f'd {name}'] = {k: v[at : at + len(x)] for k, v in all_slopes.items()}
        at += len(x)
    emit(family, what, inputs, expect)


def add_sample(family, head, noise, sample, log_prob):
    """Of g·action with g = (1, −2, 3), and of the log-density of its own sample, both in the head."""
    head, noise = [f32(v) for v in head], [f32(v) for v in noise]
    expect = {}
    for name, f in (
        ('action', lambda h: sum(g * v for g, v in zip((1, -2, 3), sample(h, noise)))),
        ('logProb', lambda h: log_prob(h, sample(h, noise))),
    ):
        expect[name] = with_moves(lambda h: [f(h)], [head])
        expect[f'd {name}'] = with_moves(lambda h: gradients(f, [h]), [head])
    emit(family, 'rsample', {'head': head, 'noise': noise}, expect)


for family in STANDARD:
    log_prob, sample, entropy = scaled(family)
    for loc, scale, z in (
        (0.3, -20, 2.5), (0.3, -20, 40), (-3, 2, 1e-3), (12, -5, -3), (0.5, 0, 1e-4), (0.5, -1, 30), (0.25, -2, 1e4),
        (0.7, 1, -300), (0.5, -20, 1e8),
    ):
        add(family, 'logProb', log_prob, head=[loc, scale], action=[loc + fexp(scale) * z])
    add(family, 'entropy', entropy, head=[0.3, -20])
    uniforms = (2**-24, 1e-6, 0.01, 0.2501, 0.4999, 0.5001, 0.75, 1 - 1e-6, 1 - 2**-24)
    for noise in uniforms if family in ('laplace', 'logistic') else (-6, -1e-3, 0.5, 5.5):
        for head in ((0.3, -20), (5, 2)):
            add_sample(family, head, [noise], sample, log_prob)

for family, kl in (('gaussian', gaussian_kl), ('laplace', laplace_kl)):
    for head, other in (
        ((0.3, -1), (0.3, -1)), ((0.3, -1), (0.3001, -1)), ((0.3, -1), (0.3, -0.9999)), ((0.3, -1), (0.300001, -0.999999)),
        ((0.3, -20), (0.3, 2)), ((0.3, 2), (0.3, -10)), ((-5, -1), (7, -3)), ((5, -5), (5.001, -5.5)), ((0, 0), (0.5, 0.4)),
    ):
        add(family, 'kl', kl, head=head, other=other)

for head in (
    [0.1, -0.2, -1, 0, 0.9, -6],
    [0.1, -0.2, 0.5, 0, 1.2, -12],
    [0.1, -0.2, 1.5, 0, -3, -19.5],
    [0.5, -1, 2, -0.5, 0, 0, 0.7, -5, 0, -0.8, 0.6, -9],
):
    n = factor([mpf(v) for v in head])[0]
    for noise in ((0.5, -1.2, 0.3), (3, 2.5, -4)):
        add_sample('gaussian-full', head, noise[:n], full_sample, full_log_prob)
    add('gaussian-full', 'logProb', full_log_prob, head=head, action=(0.6, 0.4, 0.1)[:n])
    add('gaussian-full', 'entropy', full_entropy, head=head)
    for by in (0, 1e-6, 1e-3):
        moved = [v + by * (1 + 0.3 * i) * (-1) ** i * abs(v) for i, v in enumerate(head)]
        add('gaussian-full', 'kl', full_kl, head=head, other=moved)
    add('gaussian-full', 'kl', full_kl, head=head, other=[v + (0.3 if i < n else 0) for i, v in enumerate(head)])

for head in (
    [0, 1, -1, 0.5] + [-12, -3, 4, 12] + [-2, -5, 0, -8],
    [0, 0, 0, 0] + [0.5] * 4 + [-1] * 4,
    [0.3, 0.2, 0.1, 0] + [0.5, 0.5001, 0.50001, 0.500001] + [-1, -1.0001, -1, -1.00001],
    [0, -30, -80, -5] + [0, 1, 2, 8] + [-3, -20, 2, -20],
):
    for latent in (-11.9, -3, 0.5, 8, 20):
        add('gaussian-mixture', 'logProbLatent', mixture, head=head, latent=[latent])
        add('tanh-gaussian-mixture', 'logProbLatent', tanh_mixture, head=head, latent=[latent])
head = [0, 1, -1, 0.5] + [-6, 1, 6, 2, 0.5, 0.5, 0.5, 0.6] + [-3, -1, 0, -1, -5, -2, -1, -1]
for latent in ((-6, 1), (0.5, 0.55), (9, -9)):
    add('tanh-gaussian-mixture', 'logProbLatent', tanh_mixture, head=head, latent=latent)

for mean, scale in ((0.2, 0), (3, -2), (-7, -1), (9, -3), (12, 1), (-12, -5), (17, 0)):
    for latent in (mean, mean + 1.5 * fexp(scale), mean - 30 * fexp(scale)):
        add('tanh-gaussian', 'logProbLatent', tanh_latent, head=[mean, scale], latent=[latent])
    for noise in (-2, 0.01, 2.5):
        gaussian_sample = scaled('gaussian')[1]
        head, given = [f32(mean), f32(scale)], [f32(noise)]
        expect = {}
        for name, f in (
            ('action', lambda h: tanh(gaussian_sample(h, given)[0])),
            ('logProb', lambda h: tanh_latent(h, gaussian_sample(h, given))),
        ):
            expect[name] = with_moves(lambda h: [f(h)], [head])
            expect[f'd {name}'] = with_moves(lambda h: gradients(f, [h]), [head])
        emit('tanh-gaussian', 'rsample', {'head': head, 'noise': given}, expect)
for head in ((0.2, 0), (3, -2), (-7, -1), (8.5, 0)):
    for action in (0.5, 0.999, -0.99999, 1 - 2**-23, -1 + 2**-24):
        add('tanh-gaussian', 'logProb', tanh_action, head=head, action=[action])


def head_of(shape):
    return f32(shape - 1 if shape > 40 else log(expm1(mpf(shape) - 1)))


for a, b in ((1.5, 1.5), (2, 30), (1000, 1000), (1e4, 3e4), (1e5, 20), (1e6, 1e6), (1e6, 3e5), (3e6, 2)):
    head = [head_of(a), head_of(b)]
    [(p, q)] = shapes(head)
    mean, deviation = (p - q) / (p + q), 2 * sqrt(p * q / (p + q + 1)) / (p + q)
    for k in (-2.5, 0.1, 1.5):
        action = [f32(mean + k * deviation)]
        if abs(action[0]) >= 1:
            continue
        add('beta', 'logProb', beta_log_prob, head=head, action=action)
        emit('beta', 'rsample', {'head': head, 'noise': action}, {'d action': with_moves(beta_slopes, [head, action])})
    add('beta', 'entropy', beta_entropy, head=head)
    for ratio in (1 + 1e-6, 1.001, 1.5):
        other = [head_of(a * ratio), head_of(max(b / ratio, 1.01))]
        add('beta', 'kl', beta_kl, head=head, other=other)

print('[\n' + ',\n'.join(json.dumps(case, separators=(',', ':')) for case in CASES) + '\n]')
print(f'{len(CASES)} cases', file=sys.stderr)
