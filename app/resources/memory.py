"""What the garbage collector is spared."""

import atexit
import gc


def spare_the_garbage_collector() -> None:
    """Tell the garbage collector not to look again at what is here to stay.

    Streamlit collects all garbage after each run of a script. With PyTorch, pandas and Plotly
    loaded that was measured to take 280 ms, in which no session gets an answer; after this, 10.
    """
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # or libraries report what they take for leaks at the end
