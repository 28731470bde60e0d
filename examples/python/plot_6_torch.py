"""
The chapter's PyTorch module
============================

With one changed import the chapter's ``NWKernelRegression`` trains on our engine: the same numbers, the memory of the keys only.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from attnpool.shims.d2l import NWKernelRegression  # instead of the chapter's own class

# %%
# The chapter's data: 50 noisy points of f(x) = 2 sin(x) + x^0.8.
torch.manual_seed(1)
n_train = 50
x_train, _ = torch.sort(torch.rand(n_train) * 5)


def f(x):
    return 2 * torch.sin(x) + x**0.8


y_train = f(x_train) + torch.normal(0.0, 0.5, (n_train,))

# %%
# Keys and values without the point itself, as in the chapter, and its training loop.
X_tile = x_train.repeat((n_train, 1))
Y_tile = y_train.repeat((n_train, 1))
others = (1 - torch.eye(n_train)).type(torch.bool)
keys = X_tile[others].reshape((n_train, -1))
values = Y_tile[others].reshape((n_train, -1))

net = NWKernelRegression()
loss = nn.MSELoss(reduction="none")
trainer = torch.optim.SGD(net.parameters(), lr=0.5)
losses = []
for epoch in range(5):
    trainer.zero_grad()
    l = loss(net(x_train, keys, values), y_train) / 2
    l.sum().backward()
    trainer.step()
    losses.append(float(l.detach().sum()))
    print(f"epoch {epoch + 1}, loss {losses[-1]:.6f}")

# %%
x_test = torch.arange(0, 5, 0.1)
keys, values = x_train.repeat((len(x_test), 1)), y_train.repeat((len(x_test), 1))
y_hat = net(x_test, keys, values).unsqueeze(1).detach()
ax = plt.subplots()[1]
ax.plot(x_test, f(x_test), label="Truth")
ax.plot(x_test, y_hat, label="Pred")
ax.plot(x_train, y_train, "o", alpha=0.5)
ax.legend()
