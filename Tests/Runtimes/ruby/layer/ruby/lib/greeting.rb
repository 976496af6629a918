GREETING = 'from the layer'
