"""A document whose only source holds 24 MiB of numbers."""

import numpy as np
from bokeh.io import curdoc
from bokeh.models import ColumnDataSource

curdoc().add_root(ColumnDataSource({"x": np.arange(3 * 1024 * 1024, dtype="float64")}, name="data"))
