"""All pictures: sketches with svgwrite, plots with matplotlib. No other package imports these two.

svg                    one sketch
grid                   grids of sketches with titles and captions; svg_text: their text
gallery                the picture of a run: test sketches, reconstructions, new sketches
contact_sheet          many sketches of a data set on one page
curves                 the training curve of a run
line_plot, heat_map    plots with one panel
plots                  what all plots share: colours, axes and files
"""
