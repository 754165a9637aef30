"""A heading and a table of 16 MB."""

import numpy as np
import streamlit as st

st.title("field")
st.dataframe(np.arange(2 * 1024 * 1024, dtype="float64").reshape(-1, 8))
