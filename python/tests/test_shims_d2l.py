"""The chapter's PyTorch module and masked softmax beside ours."""

import numpy as np
import originals
import pytest

torch = pytest.importorskip("torch")

from attnpool.shims import d2l  # noqa: E402


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def pair(dtype=torch.float32):
    """The chapter's module and ours from the same seed."""
    nets = []
    for kind in (originals.chapter_module(), d2l.NWKernelRegression):
        torch.manual_seed(1)
        nets.append(kind().to(dtype))
    assert nets[0].w == nets[1].w
    return nets


def is_ours(tensor):
    return type(tensor.grad_fn).__name__ == "_PoolBackward"


@pytest.mark.parametrize("n", [2, 3, 50, 400])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_chapter(n, dtype):
    x, y, q = originals.chapter_data(n, dtype)
    keys, values = originals.chapter_tiles(x, y)
    theirs, ours = pair(dtype)
    assert is_ours(ours(x, keys, values))
    losses = [originals.chapter_training(net, x, y, keys, values, lr=0.5 * 50 / n) for net in (theirs, ours)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    assert float(ours.w) == pytest.approx(float(theirs.w), rel=1e-4 if dtype == torch.float32 else 1e-11)
    tiled = [t.repeat((len(q), 1)) for t in (x, y)]
    ours.w.data = theirs.w.data.clone()
    outs = [net(q, *tiled) for net in (theirs, ours)]
    assert is_ours(outs[1]) and outs[1].shape == outs[0].shape and outs[1].dtype == dtype
    np.testing.assert_allclose(
        *(o.detach().numpy() for o in outs), rtol=0, atol=1e-5 if dtype == torch.float32 else 1e-13
    )
    for net in (theirs, ours):
        net(q, *tiled)
    np.testing.assert_allclose(
        theirs.attention_weights.detach().numpy(),
        ours.attention_weights.numpy(),
        rtol=0,
        atol=1e-4 if dtype == torch.float32 else 1e-12,
    )
    for net in (theirs, ours):
        net(x, keys, values)
    assert ours.attention_weights.shape == (n, n - 1)
    np.testing.assert_allclose(
        theirs.attention_weights.detach().numpy(),
        ours.attention_weights.numpy(),
        rtol=0,
        atol=1e-4 if dtype == torch.float32 else 1e-12,
    )


@pytest.mark.parametrize("leave_out", [True, False])
def test_gradcheck(leave_out):
    x, y, q = originals.chapter_data(12, torch.float64)
    if leave_out:
        arguments = (x, *originals.chapter_tiles(x, y))
    else:
        arguments = (q, x.expand(len(q), -1), y.expand(len(q), -1))
    net = d2l.NWKernelRegression().double()

    def predict(w):
        del net._parameters["w"]
        net.w = w
        out = net(*arguments)
        assert is_ours(out)
        net._parameters["w"] = torch.nn.Parameter(w.detach())
        del net.__dict__["w"]
        return out

    assert torch.autograd.gradcheck(predict, (torch.tensor([1.7], dtype=torch.float64, requires_grad=True),))


def test_gradients_in_everything_else_are_the_chapters():
    x, y, q = originals.chapter_data(20, torch.float64)
    theirs, ours = pair(torch.float64)
    grads = []
    for net in (theirs, ours):
        arguments = [t.clone().requires_grad_() for t in (q, x.repeat(len(q), 1), y.repeat(len(q), 1))]
        (net(*arguments) ** 2).sum().backward()
        grads.append([t.grad for t in arguments] + [net.w.grad])
    for a, b in zip(*grads):
        torch.testing.assert_close(a, b)


def test_rows_that_differ_are_the_chapters():
    keys, values, q = torch.rand(6, 9), torch.rand(6, 9), torch.rand(6)
    theirs, ours = pair()
    out = ours(q, keys, values)
    assert not is_ours(out)
    torch.testing.assert_close(out, theirs(q, keys, values))
    torch.testing.assert_close(ours.attention_weights, theirs.attention_weights)
    # Tiled keys with values of each query's own, and the other way round.
    for a, b in ((keys[:1].repeat(6, 1), values), (keys, values[:1].repeat(6, 1))):
        torch.testing.assert_close(ours(q, a, b), theirs(q, a, b))


def test_a_tensor_changed_in_place_is_looked_at_again():
    keys, values, q = torch.rand(9).repeat(6, 1), torch.rand(9).repeat(6, 1), torch.rand(6)
    theirs, ours = pair()
    torch.testing.assert_close(ours(q, keys, values), theirs(q, keys, values))
    keys[3, 4] = 7.0
    torch.testing.assert_close(ours(q, keys, values), theirs(q, keys, values))


def test_queries_of_any_strides():
    keys, values = torch.rand(9).repeat(6, 1), torch.rand(9).repeat(6, 1)
    theirs, ours = pair()
    for q in (torch.rand(12)[::2], torch.rand(1).expand(6), torch.rand(2, 3).T):
        torch.testing.assert_close(ours(q, keys, values), theirs(q, keys, values))


def test_tensors_that_are_gone_are_forgotten():
    before = len(d2l._memory.found)
    keys = torch.rand(9).repeat(6, 1)
    assert d2l._memory.rows_of(keys).tiling == "tiled" and len(d2l._memory.found) == before + 1
    del keys
    assert len(d2l._memory.found) == before


def test_no_gradient_wanted():
    x, y, q = originals.chapter_data(30)
    theirs, ours = pair()
    tiled = [t.repeat((len(q), 1)) for t in (x, y)]
    with torch.no_grad():
        out = ours(q, *tiled)
    assert not out.requires_grad
    torch.testing.assert_close(out, theirs(q, *tiled).detach(), rtol=0, atol=1e-5)
    with torch.inference_mode():
        keys, values = (t.repeat((len(q), 1)) for t in (x, y))
        assert torch.equal(ours(q, keys, values), out)
        keys[0, 0] = 9.0
        torch.testing.assert_close(ours(q, keys, values), theirs(q, keys, values), rtol=0, atol=1e-5)
    with pytest.raises(AttributeError, match="attention_weights"):
        d2l.NWKernelRegression().attention_weights


@pytest.mark.parametrize("lens", [None, [2, 3], [0, 4], [[1, 3], [2, 4]], [[0, 0], [4, 1]]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_masked_softmax(lens, dtype):
    lens = None if lens is None else torch.tensor(lens)
    X = torch.randn(2, 2, 4, dtype=dtype)
    before = X.clone()
    grads = []
    for function in (originals.chapter_masked_softmax, d2l.masked_softmax):
        x = X.clone().requires_grad_()
        out = function(x, lens)
        (out * torch.arange(16.0, dtype=dtype).reshape(2, 2, 4)).sum().backward()
        grads.append((out.detach(), x.grad))
    torch.testing.assert_close(grads[1][0], grads[0][0])
    torch.testing.assert_close(grads[1][1], grads[0][1])
    assert torch.equal(X, before)


def test_masked_softmax_gradcheck():
    X = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    lens = torch.tensor([0, 3])
    assert torch.autograd.gradcheck(lambda x: d2l.masked_softmax(x, lens), (X,))


@pytest.mark.parametrize("lens", [None, "rows", "batch", "empty"])
def test_masked_softmax_twice_differentiable(lens):
    torch.manual_seed(0)
    X = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    valid = {"rows": torch.tensor([[1, 2, 4], [3, 4, 1]]), "batch": torch.tensor([2, 3]), "empty": torch.tensor([0, 3])}
    assert torch.autograd.gradcheck(lambda t: d2l.masked_softmax(t, valid.get(lens)), X)
    assert torch.autograd.gradgradcheck(lambda t: d2l.masked_softmax(t, valid.get(lens)), X)

    def second(softmax):
        (first,) = torch.autograd.grad((softmax(X) ** 3).sum(), X, create_graph=True)
        return torch.autograd.grad((first**2).sum(), X)[0]

    if lens is None:
        torch.testing.assert_close(
            second(lambda t: d2l.masked_softmax(t, None)), second(lambda t: torch.softmax(t, -1))
        )


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_second_derivatives_of_the_module_are_those_of_its_formula(leave_one_out):
    torch.manual_seed(1)
    x = torch.rand(12, dtype=torch.float64) * 5
    y = torch.sin(x)
    keys, values = x.repeat(12, 1), y.repeat(12, 1)
    if leave_one_out:
        mask = ~torch.eye(12, dtype=torch.bool)
        keys, values = keys[mask].reshape(12, 11), values[mask].reshape(12, 11)
    net = d2l.NWKernelRegression().double()

    def second(forward):
        (first,) = torch.autograd.grad((forward() - y).pow(2).sum(), net.w, create_graph=True)
        return first, torch.autograd.grad(first, net.w)[0]

    def chapter():
        return (torch.softmax(-(((x.reshape(-1, 1) - keys) * net.w) ** 2) / 2, dim=1) * values).sum(1)

    for got, want in zip(second(lambda: net(x, keys, values)), second(chapter)):
        torch.testing.assert_close(got, want)
