"""All pictures: sketches with svgwrite, plots with matplotlib. No other package imports these two.

svg                    one sketch
picture                sketches in rows, from which all kinds of files are made; layout, svg_text:
                       places of cells and texts
sketches               arrays and lists of sketches that notebooks show
grid                   grids of sketches as SVG files
raster                 PNG files
animation              GIF files and animated SVG
plotter                SVG for pen plotters
saving                 all kinds of files, by the ending of the name
contact_sheet          many sketches of a data set on one page
curves                 the training curve of a run
line_plot, heat_map    plots with one panel
plots                  what all plots share: colours, axes and files
"""
