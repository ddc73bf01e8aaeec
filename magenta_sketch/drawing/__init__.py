"""Pictures: sketches as SVG, curves and heat maps by matplotlib. Nothing else imports those two.

svg        one sketch
grid       grids of sketches with titles and captions; svg_text: their text
gallery    the picture a run leaves: test sketches, reconstructions and new sketches
contact_sheet    many sketches of a data set on a page
curves     the training curve of a run
plots      what pictures by matplotlib share: colours, axes and files
line_plot, heat_map    pictures of one panel, described by plain values
"""
